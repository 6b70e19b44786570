import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { readConfigFiles } from '../../../adapters/cni/config-files.ts';
import { configNamed, noNodeConfig } from '../../../domain/cni/node-configs.ts';

describe('configurations in files of a node', () => {
  let dir = '';
  before(() => {
    dir = mkdtempSync(join(tmpdir(), 'podwire-configs-'));
  });
  after(() => rmSync(dir, { recursive: true }));

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
    for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text);
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

  it('that are not there are missed with what to do', () => {
    assert.match(noNodeConfig('n1', 'a', undefined), /node n1 offers no files \(--cni-conf-dir.*tried again/);
    assert.match(noNodeConfig('n1', 'a', { v: 1, configs: [] }), /no file of node n1 declares .*"a".*tried again/);
  });
});
