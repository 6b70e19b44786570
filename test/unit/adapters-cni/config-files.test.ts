import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { readConfigFiles } from '../../../adapters/cni/config-files.ts';
import { parseNetworkConfig } from '../../../domain/cni/network-config.ts';
import { configNamed, noNodeConfig, type NodeConfig } from '../../../domain/cni/node-configs.ts';

describe('configurations in files of a node', () => {
  let root = '';
  let dir = '';
  before(() => {
    root = mkdtempSync(join(tmpdir(), 'podwire-configs-'));
  });
  beforeEach(() => {
    dir = mkdtempSync(join(root, 'dir-'));
  });
  after(() => rmSync(root, { recursive: true }));

  const write = (files: Readonly<Record<string, string>>): void => {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(dir, name)), { recursive: true });
      writeFileSync(join(dir, name), text);
    }
  };
  /** Types of the plugins of a network, in the order in which they run. */
  const typesOf = (configs: readonly NodeConfig[], name: string): string => {
    const parsed = parseNetworkConfig(configNamed({ v: 1, configs }, name)?.text ?? '', '');
    return parsed.ok ? parsed.config.plugins.map(({ type }) => type).join(' ') : JSON.stringify(parsed.problems);
  };

  const bridge = (name: string, more = ''): string =>
    `{ "cniVersion": "1.0.0", "name": "${name}", "type": "bridge"${more} }`;

  it('are read in the order of their names, byte for byte; the first of a name counts; others are named with the reason', async () => {
    const files = {
      '20-b.conflist': `{ "cniVersion": "1.0.0", "name": "b", "plugins": [ { "type": "bridge" } ] }\n`,
      '10-a.conf': bridge('a'),
      '30-a.json': bridge('a', ', "mtu": 1400'),
      '40-broken.conf': '{',
      '50-nameless.conf': '{ "cniVersion": "1.0.0", "type": "bridge" }',
      '60-big.conf': bridge('big', `, "x": "${'y'.repeat(70_000)}"`),
      'README.md': bridge('not-read'),
    };
    write(files);
    const { configs, problems } = await readConfigFiles(dir);
    assert.deepEqual(
      configs.map(({ file, name }) => `${file} ${name}`),
      ['10-a.conf a', '20-b.conflist b', '30-a.json a'],
    );
    assert.equal(configNamed({ v: 1, configs }, 'a')?.text, files['10-a.conf']);
    assert.equal(problems.length, 3);
    assert.match(
      problems.join('\n'),
      /^40-broken\.conf .*\n50-nameless\.conf .*"name".*\n60-big\.conf has \d+ bytes; allowed: 65536$/,
    );
  });

  it('a list counts before a single plugin of the same network, whatever their names', async () => {
    write({
      '10-a.conf': bridge('a'),
      '90-a.conflist': '{ "cniVersion": "1.0.0", "name": "a", "plugins": [ { "type": "macvlan" } ] }',
    });
    assert.equal(typesOf((await readConfigFiles(dir)).configs, 'a'), 'macvlan');
  });

  const list = (name: string, more: object = {}): string =>
    JSON.stringify({ cniVersion: '1.0.0', name, plugins: [{ type: 'bridge' }], ...more });

  it('a list goes on with the plugins in the folder of its name', async () => {
    write({
      'a.conflist': list('a'),
      'a/20-tuning.conf': '{ "type": "tuning", "mtu": 1400 }',
      'a/10-portmap.conf': '{ "type": "portmap", "capabilities": { "portMappings": true } }',
      'a/README.md': 'nothing',
      'b.conflist': '{ "cniVersion": "1.0.0", "name": "b" }',
      'b/10-vlan.conf': '{ "type": "vlan" }',
      'c.conf': bridge('c'),
      'c/10-tuning.conf': '{ "type": "tuning" }',
    });
    const { configs, problems } = await readConfigFiles(dir);
    assert.deepEqual(problems, []);
    assert.equal(typesOf(configs, 'a'), 'bridge portmap tuning');
    assert.equal(typesOf(configs, 'b'), 'vlan', 'a list may have all of its plugins there');
    assert.equal(typesOf(configs, 'c'), 'bridge', 'one plugin is no list');
  });

  it('a list that wants none but its own is left as it is', async () => {
    const own = list('a', { loadOnlyInlinedPlugins: true });
    write({ 'a.conflist': own, 'a/10-tuning.conf': '{ "type": "tuning" }' });
    assert.equal(configNamed({ v: 1, ...(await readConfigFiles(dir)) }, 'a')?.text, own);
  });

  it('a list is not used where a plugin of its folder cannot be read, and the file is named', async () => {
    write({
      'a.conflist': list('a'),
      'a/10-broken.conf': '{',
      'b.conflist': list('b'),
      'b/10-list.conf': '[]',
      'c.conflist': list('c'),
      'c/10-many.conf': `{ "type": "tuning", "x": "${'y'.repeat(70_000)}" }`,
      'd.conflist': list('../../etc'),
      'e.conflist': '{ "cniVersion": "1.0.0", "name": "e", "loadOnlyInlinedPlugins": true }',
    });
    const { configs, problems } = await readConfigFiles(dir);
    assert.deepEqual(configs, []);
    assert.match(problems[0] ?? '', /^a\.conflist goes on with a\/10-broken\.conf, which is no JSON/);
    assert.match(problems[1] ?? '', /^b\.conflist goes on with b\/10-list\.conf, which is no JSON object/);
    assert.match(problems[2] ?? '', /^c\.conflist goes on with c\/10-many\.conf, which has \d+ bytes; allowed: 65536/);
    assert.match(problems[3] ?? '', /^d\.conflist "name" is/);
    assert.match(problems[4] ?? '', /^e\.conflist .*type/);
  });

  it('that are not there are missed with what to do', () => {
    assert.match(noNodeConfig('n1', 'a', undefined), /node n1 offers no files \(--cni-conf-dir.*tried again/);
    assert.match(noNodeConfig('n1', 'a', { v: 1, configs: [] }), /no file of node n1 declares .*"a".*tried again/);
  });
});
