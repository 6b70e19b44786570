import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { startCommandThread } from '../cli/command-thread.ts';

const { podwire, end } = startCommandThread();

let folder = '';
const file = async (name: string, text: string | Uint8Array): Promise<string> => {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
};

describe('podwire lint', () => {
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'podwire-lint-'));
  });
  after(async () => {
    await end();
    await rm(folder, { recursive: true, force: true });
  });

  it('prints the canonical networks as JSON, with the ConfigMap given as YAML manifest', async () => {
    const annotation = await file(
      'annotation',
      'vxeth0\n  ip=10.9.0.1/24 up\n  route=10.8.0.0/16:10.9.0.9\nblue id=7 mtu=1400\n',
    );
    const manifest =
      'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata:\n  vxeth0: "100"\n  other: id=5 up=no\n';
    const configMap = await file('configmap.yaml', manifest);
    const result = await podwire(['lint', '--dialect', 'openvnf', '--configmap', configMap, '-n', 'red', annotation]);
    assert.equal(result.stderr, '');
    assert.equal(result.code, 0);
    const output = JSON.parse(result.stdout) as { networks: unknown; warnings: { network: string; code: string }[] };
    const vxeth0 = { network: 'vxeth0', scope: 'cluster', interface: 'vxeth0', id: 100, dstport: 8472, dev: 'eth0' };
    const blue = { network: 'blue', scope: 'red', interface: 'blue', id: 7, dstport: 8472, dev: 'eth0', mtu: 1400 };
    assert.deepEqual(output.networks, [
      { ...vxeth0, up: true, ips: ['10.9.0.1/24'], routes: [{ dst: '10.8.0.0/16', gw: '10.9.0.9' }], peers: [] },
      { ...blue, up: false, ips: [], routes: [], peers: [] },
    ]);
    assert.deepEqual(
      output.warnings.map(({ network, code }) => [network, code]),
      [['other', 'InvalidValue']],
    );
  });

  it('prints every option that a network may have', async () => {
    const all = 'a id=5 name=b dev=tun0 up mtu=1400 dstport=4789 srcport=20000-30000 flood=false peer=10.1.1.1';
    const result = await podwire(['lint', '-'], `${all} ip=10.9.0.1/24 route=10.8.0.0/16:10.9.0.9`);
    assert.equal(result.code, 0, result.stderr);
    const { networks } = JSON.parse(result.stdout) as { networks: unknown };
    assert.deepEqual(networks, [
      {
        ...{
          network: 'a',
          scope: 'default',
          interface: 'b',
          id: 5,
          dstport: 4789,
          srcport: '20000-30000',
          dev: 'tun0',
        },
        ...{ mtu: 1400, up: true, ips: ['10.9.0.1/24'], routes: [{ dst: '10.8.0.0/16', gw: '10.9.0.9' }] },
        ...{ peers: ['10.1.1.1'], flood: false },
      },
    ]);
  });

  it('takes the ConfigMap as JSON and as bare lines too', async () => {
    const json = await file(
      'configmap.json',
      JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', data: { a: 'id=9' } }),
    );
    const bare = await file('networks.yaml', '# ours\na: 9\n');
    for (const configMap of [json, bare]) {
      const result = await podwire(['lint', '--configmap', configMap, '-'], 'a');
      assert.equal(result.code, 0, result.stderr);
      const output = JSON.parse(result.stdout) as { networks: { id: number; scope: string }[] };
      assert.deepEqual(
        output.networks.map(({ id, scope }) => [id, scope]),
        [[9, 'cluster']],
      );
    }
  });

  it('prints every mistake with its line and nothing else, and exits with 2', async () => {
    const result = await podwire(['lint', '-'], 'a id=1\n  up=no\nb\nc id=3, up\n');
    assert.equal(result.code, 2);
    assert.equal(result.stdout, '');
    const lines = result.stderr.trimEnd().split('\n');
    assert.equal(lines.length, 3);
    assert.match(
      lines[0] ?? '',
      /^<stdin>:2: error: network "a", option "up": value "no" .*allowed: .* \[InvalidValue\]$/,
    );
    assert.match(lines[1] ?? '', /^<stdin>:3: error: network "b", option "id": .* \[ConfigMapMissing\]$/);
    assert.match(lines[2] ?? '', /^<stdin>:4: error: network "c", option "up": .* \[MisplacedOption\]$/);
  });

  it("exits with 2 for a route that would be left out: the original's own example", async () => {
    const configMap = await file('original.yaml', 'vxeth0: id=100 up\n');
    const annotation = 'vxeth0 ip=192.168.10.1/24 route=192.168.10.0/24:192.168.100.1';
    const result = await podwire(['lint', '--configmap', configMap, '-'], annotation);
    assert.equal(result.code, 2, result.stdout);
    assert.match(
      result.stderr,
      /^<stdin>:1: warning: network "vxeth0", option "route": .*192\.168\.100\.1.* is left out.* \[GatewayNotOnLink\]\n$/,
    );
  });

  it('says in one line what it cannot read, and exits with 1', async () => {
    const missing = join(folder, 'missing');
    const cases: [args: string[], says: RegExp][] = [
      [[missing], /cannot read .*missing: ENOENT/],
      [[await file('large', ' '.repeat(1024 * 1024))], /large is too large; allowed: at most \d+ bytes/],
      [[await file('latin1', Uint8Array.of(0x61, 0xe9))], /latin1 is not UTF-8/],
      [['-n', 'No/Namespace', '-'], /--namespace "No\/Namespace"/],
      [['--configmap', missing, '-'], /cannot read .*missing/],
      [['--configmap', await file('bad.yaml', '{a: [}'), '-'], /bad\.yaml is neither YAML nor JSON/],
      [['--configmap', await file('list.yaml', '- a\n'), '-'], /list\.yaml holds no map/],
      [
        ['--configmap', await file('pod.yaml', 'apiVersion: v1\nkind: Pod\n'), '-'],
        /holds kind "Pod"; expected ConfigMap/,
      ],
      [
        ['--configmap', await file('n.yaml', 'apiVersion: v1\nkind: ConfigMap\ndata: {a: 9}\n'), '-'],
        /"a" is no text; put it in quotes/,
      ],
    ];
    const results = await Promise.all(cases.map(([args]) => podwire(['lint', ...args], 'a id=1')));
    for (const [index, result] of results.entries()) {
      assert.equal(result.code, 1, result.stderr);
      assert.equal(result.stdout, '');
      assert.match(result.stderr, cases[index]?.[1] ?? /never/);
      assert.equal(result.stderr.trimEnd().split('\n').length, 1, result.stderr);
    }
  });
});
