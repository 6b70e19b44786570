import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { startCommandThread } from '../cli/command-thread.ts';

const thread = startCommandThread();

const DEFINITIONS = `
apiVersion: k8s.cni.cncf.io/v1
kind: NetworkAttachmentDefinition
metadata: {name: green}
spec:
  config: '{"cniVersion":"1.0.0","type":"bridge","capabilities":{"mac":true},"ipam":{"type":"host-local"}}'
---
apiVersion: v1
kind: List
items:
  - apiVersion: k8s.cni.cncf.io/v1
    kind: NetworkAttachmentDefinition
    metadata: {name: evil, namespace: shop}
    spec: {config: '{"cniVersion":"1.0.0","type":"host-device","device":"eth0"}'}
  - {apiVersion: v1, kind: ConfigMap, metadata: {name: x}}
---
apiVersion: kaloom.com/v1
kind: Network
metadata: {name: green}
spec: {plugin: bridge, config: '{"bridge": "br-green"}'}
`;

let folder = '';
let definitions = '';
const podwire = (args: readonly string[], input: string) => thread.podwire(['lint', ...args], input);
const networksIn = (stdout: string) => (JSON.parse(stdout) as { networks: unknown }).networks;

describe('podwire lint for CNI networks', () => {
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'podwire-lint-'));
    definitions = join(folder, 'definitions.yaml');
    await writeFile(definitions, DEFINITIONS);
  });
  after(async () => {
    await thread.end();
    await rm(folder, { recursive: true, force: true });
  });

  it('prints what an NPWG annotation asks for, definitions unseen', async () => {
    const annotation = '[{"name":"a","mac":"02-00-00-00-00-0A","interface":"x"},{"name":"b"}]';
    const result = await podwire(['--dialect', 'npwg', '-n', 'shop', '-'], annotation);
    assert.equal(result.code, 0, result.stderr);
    assert.deepEqual(networksIn(result.stdout), [
      { network: 'a', scope: 'shop', interface: 'x', runtimeConfig: { mac: '02:00:00:00:00:0a' } },
      { network: 'b', scope: 'shop', runtimeConfig: {} },
    ]);
  });

  it('judges the definitions too when it is given them', async () => {
    const args = ['--dialect', 'npwg', '-n', 'shop', '--definitions', definitions, '-'];
    const right = await podwire(args, 'green');
    assert.equal(right.code, 0, right.stderr);
    const wrong = await podwire(args, '[{"name":"green","ips":["10.0.0.1/24"]},{"name":"evil"},{"name":"none"}]');
    assert.equal(wrong.code, 2);
    assert.equal(wrong.stdout, '');
    const codes = wrong.stderr
      .trimEnd()
      .split('\n')
      .map((line) => /^<stdin>: error: network "shop\/(\w+)".*\[(\w+)\]$/.exec(line)?.slice(1));
    assert.deepEqual(codes, [
      ['green', 'CapabilityMissing'],
      ['evil', 'PluginNotAllowed'],
      ['evil', 'HostKeyNotAllowed'],
      ['none', 'NetworkNotFound'],
    ]);
  });

  it('knows what the administrator allows', async () => {
    const allowed = ['--cni-plugin-types', 'host-device', '--cni-host-keys', 'device'];
    const args = ['--dialect', 'npwg', '-n', 'shop', '--definitions', definitions, ...allowed, '-'];
    assert.equal((await podwire(args, 'evil')).code, 0);
    const shared = ['--dialect', 'npwg', '-n', 'shop', '--npwg-shared-namespaces', 'infra', '-'];
    assert.equal((await podwire(shared, 'infra/a')).code, 0);
    assert.match((await podwire(shared, 'other/a')).stderr, /\[NamespaceIsolated\]/);
  });

  it('prints what an annotation of Kaloom’s asks for, with the configuration its plugin gets', async () => {
    const args = ['--dialect', 'kaloom', '--definitions', definitions, '-'];
    const result = await podwire(args, '[{"name":"green"}]');
    assert.equal(result.code, 0, result.stderr);
    assert.deepEqual(networksIn(result.stdout), [
      {
        network: 'green',
        scope: 'default',
        interface: 'net9f27410725ab',
        runtimeConfig: {},
        args: { K8S_POD_NETWORK: 'green', K8S_POD_IFMAC: '' },
        config: '{"bridge":"br-green","cniVersion":"0.3.1","networkName":"green","type":"bridge"}',
      },
    ]);
  });

  it('says in one line what it cannot use, and exits with 1', async () => {
    const empty = join(folder, 'empty.yaml');
    await writeFile(empty, 'apiVersion: v1\nkind: Pod\n');
    const cases: [args: string[], says: RegExp][] = [
      [['--dialect', 'npwg', '--configmap', definitions, '-'], /--configmap is for --dialect openvnf/],
      [['--definitions', definitions, '-'], /--definitions is for --dialect npwg/],
      [['--dialect', 'npwg', '--definitions', '-', '-'], /only one of annotation and definitions can be -/],
      [['--dialect', 'npwg', '--definitions', empty, '-'], /holds no NetworkAttachmentDefinition/],
      [['--dialect', 'npwg', '--cni-host-keys', 'all', '-'], /--cni-host-keys/],
    ];
    const results = await Promise.all(cases.map(([args]) => podwire(args, 'a')));
    for (const [index, result] of results.entries()) {
      assert.equal(result.code, 1, result.stderr);
      assert.equal(result.stdout, '');
      assert.match(result.stderr, cases[index]?.[1] ?? /never/);
    }
  });
});
