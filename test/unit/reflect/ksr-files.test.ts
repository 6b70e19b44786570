import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseEtcdConf } from '../../../config/reflect/etcd-conf.ts';
import { goDurationMs } from '../../../config/go-duration.ts';
import { parseHttpConf } from '../../../config/reflect/http-conf.ts';
import { parseLogsConf } from '../../../config/reflect/logs-conf.ts';
import { FileProblems } from '../../../config/yaml-file.ts';

const problemsOf = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    assert.ok(error instanceof FileProblems, String(error));
    return error.problems.join('\n');
  }
  return assert.fail('nothing was refused');
};

test('durations are nanoseconds or text as Go writes it', () => {
  const table: readonly (readonly [unknown, number | undefined])[] = [
    [0, 0],
    [1_000_000_000, 1_000],
    [600_000_000_000, 600_000],
    ['10000000000', 10_000],
    ['10s', 10_000],
    ['1m30s', 90_000],
    ['2.5s', 2_500],
    ['.5s', 500],
    ['1h0m0s', 3_600_000],
    ['100ms', 100],
    ['1500us', 1.5],
    ['1500µs', 1.5],
    ['0', 0],
    [' 3s ', 3_000],
    [-1, undefined],
    [1.5, undefined],
    ['-1s', undefined],
    ['10', 10 / 1e6],
    ['10 s', undefined],
    ['ten', undefined],
    ['1d', undefined],
    ['', undefined],
    [true, undefined],
    [[], undefined],
    ['9999999999999999h', undefined],
  ];
  for (const [written, expected] of table) assert.equal(goDurationMs(written), expected, JSON.stringify(written));
});

const plain = { operationTimeoutMs: 3_000, tls: undefined, said: true, scheme: undefined, autoCompactMs: 0 };

test("etcd.conf of KSR's README and of its manifest are read without a warning", () => {
  const readme = `
insecure-transport: true
dial-timeout: 1000000000
endpoints:
  - "127.0.0.1:22379"
`;
  const manifest = `
    insecure-transport: true
    dial-timeout: 10000000000
    auto-compact: 600000000000
    endpoints:
      - "127.0.0.1:32379"
`;
  assert.deepEqual(parseEtcdConf('etcd.conf', readme), {
    value: { ...plain, endpoints: ['127.0.0.1:22379'] },
    warnings: [],
  });
  assert.deepEqual(parseEtcdConf('etcd.conf', manifest), {
    value: { ...plain, endpoints: ['127.0.0.1:32379'], autoCompactMs: 600_000 },
    warnings: [],
  });
});

test('every key of etcd.conf is known, in any case; an empty value means nothing', () => {
  const text = `
Endpoints: ["http://a:1", "http://b:2/", "[::1]:3"]
dial-timeout: 1s
operation-timeout: 300ms
insecure-transport: true
insecure-skip-tls-verify: false
cert-file: /nowhere
key-file:
ca-file: <file-path>
auto-compact: 0
resync-after-reconnect: true
allow-delayed-start: true
delayed-start: true
reconnect-interval: 2000000000
session-ttl: 5
`;
  const { value, warnings } = parseEtcdConf('etcd.conf', text);
  assert.deepEqual(value.endpoints, ['a:1', 'b:2', '[::1]:3']);
  assert.equal(value.operationTimeoutMs, 300);
  assert.equal(value.tls, undefined);
  assert.deepEqual(warnings, ['etcd.conf: key "delayed-start" says the same thing again; the first counts']);
});

test('an unknown key is warned about by name, and the file works', () => {
  const { value, warnings } = parseEtcdConf('x/etcd.conf', 'endpoints: [a:1]\nendpoint: b:2\n');
  assert.deepEqual(value.endpoints, ['a:1']);
  assert.equal(warnings.length, 1);
  assert.match(
    warnings[0] ?? '',
    /^x\/etcd\.conf: key "endpoint" is not known and has no effect; known are endpoints, /,
  );
});

test('times too short for anything are warned about and replaced', () => {
  const { value, warnings } = parseEtcdConf('etcd.conf', 'operation-timeout: 500\nauto-compact: 1000000\n');
  assert.equal(value.operationTimeoutMs, 3_000);
  assert.equal(value.autoCompactMs, 1_000);
  assert.equal(warnings.length, 2);
  const sample = parseHttpConf('http.conf', 'endpoint: 0.0.0.0:9191\nread-timeout: 10\nidle-timeout: 150\n');
  assert.equal(sample.value.limits?.requestMs, undefined);
  assert.equal(sample.warnings.length, 2);
});

test('a wrong type is refused, naming file, key, value and what is allowed', () => {
  const refused = problemsOf(() =>
    parseEtcdConf('etcd.conf', 'endpoints: a:1\ndial-timeout: soon\ninsecure-transport: 1\nca-file: [x]\n'),
  );
  assert.match(refused, /etcd\.conf: endpoints is "a:1": must be a list of host:port/);
  assert.match(refused, /etcd\.conf: dial-timeout is "soon": must be nanoseconds such as/);
  assert.match(refused, /etcd\.conf: insecure-transport is 1: must be true or false/);
  assert.match(refused, /etcd\.conf: ca-file is \["x"\]: must be the name of a file/);
  assert.match(
    problemsOf(() => parseEtcdConf('e', 'endpoints: [a:1, "b"]')),
    /e: endpoints\[1\] is "b": must be host:port/,
  );
});

test('what is no YAML, or no map, is refused in one line; an empty file says nothing', () => {
  assert.match(
    problemsOf(() => parseEtcdConf('etcd.conf', 'a: [')),
    /^etcd\.conf is no YAML: [^\n]+$/,
  );
  assert.match(
    problemsOf(() => parseEtcdConf('etcd.conf', '- a\n')),
    /must consist of lines/,
  );
  assert.match(
    problemsOf(() => parseEtcdConf('etcd.conf', 'a: 1\na: 2\n')),
    /no YAML: duplicated/,
  );
  assert.deepEqual(parseEtcdConf('etcd.conf', '# nothing\n').value.endpoints, []);
});

test('a file of TLS that cannot be read is named; half a pair is refused; plain text needs none of them', () => {
  assert.match(
    problemsOf(() => parseEtcdConf('etcd.conf', 'ca-file: /nowhere/ca.pem')),
    /etcd\.conf: ca-file "\/nowhere\/ca\.pem" cannot be read: ENOENT/,
  );
  assert.match(
    problemsOf(() => parseEtcdConf('etcd.conf', 'cert-file: /x')),
    /cert-file and key-file belong together/,
  );
});

test('http.conf: time-outs by their names with and without dashes, users, disabled', () => {
  const text = `
disable: true
endpoint: 127.0.0.1:9999
ReadTimeout: 2s
ReadHeaderTimeout: 1000000000
write-timeout: 3s
MaxHeaderBytes: 4096
client-basic-auth: ["me:pa:ss"]
`;
  const { value, warnings } = parseHttpConf('http.conf', text);
  assert.deepEqual(warnings, []);
  assert.deepEqual(value, {
    disabled: true,
    bindAddress: '127.0.0.1:9999',
    limits: { requestMs: 2_000, headersMs: 1_000, answerMs: 3_000, idleMs: 2_000, headerBytes: 4_096 },
    tls: undefined,
    users: [{ name: 'me', password: 'pa:ss' }],
  });
});

test("KSR's sample http.conf works; what has no effect here is named", () => {
  const text = `
endpoint: 0.0.0.0:9191
read-timeout: 0
max-header-bytes: 0
enable-token-auth: false
users:
   - name: <name>
     password_hash: <hash>
token-expiration: 60000000000
password-hash-cost: 7
token-signature: secret
rate-limiter:
  limit: 5
`;
  const { value, warnings } = parseHttpConf('http.conf', text);
  assert.equal(value.bindAddress, '0.0.0.0:9191');
  assert.equal(warnings.length, 5);
});

test('http.conf that would leave the server open although it asks for more is refused, and no password is shown', () => {
  assert.match(
    problemsOf(() => parseHttpConf('h', 'enable-token-auth: true')),
    /there are no tokens here/,
  );
  assert.match(
    problemsOf(() => parseHttpConf('h', 'client-cert-files: [/ca]')),
    /nobody's certificate/,
  );
  assert.match(
    problemsOf(() => parseHttpConf('h', 'server-cert-file: /c')),
    /belong together/,
  );
  const refused = problemsOf(() => parseHttpConf('h', 'client-basic-auth: ["s3cret"]'));
  assert.match(refused, /h: client-basic-auth\[0\] refused: must be "user:password"/);
  assert.ok(!refused.includes('s3cret'));
});

test('logs.conf: default level and loggers; a level that does not exist is only warned about', () => {
  const text = `
default-level: WARNING
loggers:
  - name: ksr-pod
    level: debug
  - Name: ksr-node
    Level: loud
`;
  const { value, warnings } = parseLogsConf('logs.conf', text);
  assert.deepEqual(value, { defaultLevel: 'warn', levels: [{ logger: 'ksr-pod', level: 'debug' }] });
  assert.deepEqual(warnings, [
    'logs.conf: level of logger "ksr-node": "loud" is no level and has no effect; levels are debug, info, warn, error, fatal, panic',
  ]);
  assert.match(
    problemsOf(() => parseLogsConf('logs.conf', 'loggers: [{name: a}]')),
    /loggers\[0\]\[level\] is missing/,
  );
});
