import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { ConfigError } from '../../../config/cli-flags.ts';
import { readKsrConfig as read, type KsrConfig } from '../../../config/reflect/ksr.ts';

let dir: string;
before(() => {
  dir = mkdtempSync(join(tmpdir(), 'podwire-ksr-config-'));
  mkdirSync(join(dir, 'conf'));
  writeFileSync(join(dir, 'conf/etcd.conf'), 'endpoints: [from-conf:1]\nauto-compact: 600000000000\n');
  writeFileSync(join(dir, 'other.conf'), 'endpoints: [from-other:1]\n');
  writeFileSync(join(dir, 'bare.conf'), 'insecure-transport: true\n');
  writeFileSync(join(dir, 'http.conf'), 'endpoint: 127.0.0.1:8080\n');
  writeFileSync(join(dir, 'logs.conf'), 'default-level: error\nloggers: [{name: ksr-pod, level: debug}]\n');
  writeFileSync(join(dir, 'kubeconfig'), '');
  writeFileSync(join(dir, 'wrong.conf'), 'endpoints: 7\nauto-compact: true\n');
});
after(() => rmSync(dir, { recursive: true, force: true }));

/** As in a pod, so that no kubeconfig is needed. */
const readKsrConfig = (argv: readonly string[], env: Record<string, string>): KsrConfig =>
  read(argv, { KUBERNETES_SERVICE_HOST: '10.0.0.1', ...env });
const file = (name: string): string => join(dir, name);
const refusal = (argv: readonly string[], env: Record<string, string> = {}): string => {
  try {
    readKsrConfig(argv, env);
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.message;
  }
  return assert.fail('nothing was refused');
};

test('with nothing but a file of etcd the defaults of KSR hold', () => {
  const config = readKsrConfig([`--etcd-config=${file('other.conf')}`], {});
  assert.deepEqual(config.reflect.etcd, { endpoints: ['from-other:1'], timeoutMs: 3_000 });
  assert.equal(config.autoCompactMs, 0);
  assert.equal(config.http.bindAddress, '0.0.0.0:9191');
  assert.equal(config.kubeconfig, undefined);
  assert.deepEqual(config.logs, { initial: 'info', levels: [] });
  assert.deepEqual(config.warnings, []);
});

test('every flag has its variable, and wins over it', () => {
  const env = {
    ETCD_CONFIG: file('other.conf'),
    HTTP_CONFIG: file('http.conf'),
    HTTP_PORT: '1234',
    KUBE_CONFIG: file('kubeconfig'),
    LOGS_CONFIG: file('logs.conf'),
    INITIAL_LOGLVL: 'debug',
    TEMPORAL_ADDRESS: 'temporal:7233',
  };
  const config = readKsrConfig([], env);
  assert.deepEqual(config.reflect.etcd.endpoints, ['from-other:1']);
  assert.equal(config.http.bindAddress, '127.0.0.1:1234');
  assert.equal(config.kubeconfig, file('kubeconfig'));
  assert.deepEqual(config.logs, { initial: 'error', levels: [{ logger: 'ksr-pod', level: 'debug' }] });
  assert.equal(config.temporal.address, 'temporal:7233');
  const flagged = readKsrConfig(['--http-port', '99', `--etcd-config=${file('conf/etcd.conf')}`], env);
  assert.equal(flagged.http.bindAddress, '127.0.0.1:99');
  assert.deepEqual(flagged.reflect.etcd.endpoints, ['from-conf:1']);
});

test('a file is taken from the path given, else by its name from the configuration directory', () => {
  const inDir = readKsrConfig(['--etcd-config=/etc/etcd/etcd.conf', `--config-dir=${file('conf')}`], {});
  assert.deepEqual(inDir.reflect.etcd.endpoints, ['from-conf:1']);
  assert.equal(inDir.autoCompactMs, 600_000);
  const byDefault = readKsrConfig([], { CONFIG_DIR: file('conf') });
  assert.deepEqual(byDefault.reflect.etcd.endpoints, ['from-conf:1']);
});

test('the names of KSR 1.0, and one dash, work', () => {
  assert.deepEqual(readKsrConfig([`-etcdv3-config=${file('other.conf')}`], {}).reflect.etcd.endpoints, [
    'from-other:1',
  ]);
  assert.deepEqual(readKsrConfig([], { ETCDV3_CONFIG: file('other.conf') }).reflect.etcd.endpoints, ['from-other:1']);
});

test("a file without endpoints takes the environment's, then the usual ones", () => {
  const argv = [`--etcd-config=${file('bare.conf')}`];
  assert.deepEqual(readKsrConfig(argv, {}).reflect.etcd.endpoints, ['127.0.0.1:2379']);
  assert.deepEqual(readKsrConfig(argv, { ETCDV3_ENDPOINTS: 'a:1, http://b:2' }).reflect.etcd.endpoints, ['a:1', 'b:2']);
  const both = { ETCD_ENDPOINTS: 'new:1', ETCDV3_ENDPOINTS: 'old:1' };
  assert.deepEqual(readKsrConfig(argv, both).reflect.etcd.endpoints, ['new:1']);
  assert.deepEqual(readKsrConfig([], { CONFIG_DIR: dir, ...both }).reflect.etcd.endpoints, ['new:1']);
  assert.match(refusal(argv, { ETCD_ENDPOINTS: 'a:1,b' }), /ETCD_ENDPOINTS: "b" must be host:port/);
});

test('without any configuration of etcd the message says what was looked for and what to do', () => {
  const said = refusal([], { CONFIG_DIR: dir });
  assert.match(said, /neither etcd\.conf nor etcdv3\.conf exists/);
  assert.match(said, /--etcd-config/);
  assert.match(said, /ETCD_ENDPOINTS/);
  assert.match(refusal(['--etcd-config=/nowhere/e.conf', `--config-dir=${dir}`]), /neither \/nowhere\/e\.conf exists/);
});

test('mistakes in files are all named; those of flags come first', () => {
  const said = refusal([`--etcd-config=${file('wrong.conf')}`]);
  assert.match(said, /2 mistake/);
  assert.match(said, /wrong\.conf: endpoints is 7/);
  assert.match(said, /wrong\.conf: auto-compact is true/);
  assert.match(refusal(['--http-port=many']), /--http-port \/ HTTP_PORT is "many"/);
  assert.match(refusal(['--etcd-conf=x']), /"--etcd-conf=x" is no option/);
});

test('what has no effect, or another one than in KSR, is said', () => {
  const env = { MICROSERVICE_LABEL: 'mine', INITIAL_LOGLVL: 'loud', ETCD_CONFIG: file('other.conf') };
  const config = readKsrConfig([], env);
  assert.equal(config.logs.initial, 'info');
  assert.equal(config.reflect.settings.label, 'mine');
  assert.equal(config.warnings.length, 2);
});

test('outside a pod a kubeconfig is needed; one that exists is used', () => {
  const argv = [`--etcd-config=${file('other.conf')}`];
  assert.throws(
    () => read(argv, { KUBE_CONFIG: '/nowhere/admin.conf' }),
    /\/nowhere\/admin\.conf does not exist, and this is no pod/,
  );
  assert.equal(read(argv, { KUBE_CONFIG: file('kubeconfig') }).kubeconfig, file('kubeconfig'));
});
