/** Settings of the mesh between nodes. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { readNodeConfig } from '../../../config/node.ts';
import { primaryMeshSettings } from '../../../config/primary-mesh.ts';

const meshOf = (...argv: readonly string[]) => readNodeConfig(['--node-name=n1', ...argv], {}).primary.mesh;

describe('settings of the mesh between nodes', () => {
  it('need not be given', () => {
    assert.deepEqual(meshOf(), {
      ...{ device: 'podwire0', vni: 10, dstPort: 4789, parent: undefined, nodeAddresses: undefined },
      ...{ directRouting: undefined, macs: 'subnet', nodeObjects: false, masquerade: undefined, keepSource: [] },
    });
  });

  it('are written in their canonical form', () => {
    const given = meshOf(
      '--primary-node-address=192.0.2.1, 2001:DB8:0::1',
      '--primary-keep-source=172.16.9.9/12,fd00:0::/8',
    );
    assert.deepEqual(given.nodeAddresses, ['192.0.2.1', '2001:db8::1']);
    assert.deepEqual(given.keepSource, ['172.16.0.0/12', 'fd00::/8']);
  });

  for (const [flag, value, allowed] of [
    ['primary-device', 'pwp0', /must not begin with pwp/],
    ['primary-device', 'a name', /must be a letter/],
    ['primary-vni', '16777216', /16777215/],
    ['primary-port', '0', /primary-port/],
    ['primary-node-address', '192.0.2.1,192.0.2.2', /one address of each family at most/],
    ['primary-node-address', '192.0.2', /must be IP addresses/],
    ['primary-keep-source', '10.0.0.0', /must be address\/prefix/],
    ['primary-direct-routing', 'sometimes', /auto/],
    ['primary-masquerade', 'yes', /true/],
    ['primary-macs', 'random', /contiv/],
  ] as const)
    it(`are refused where ${flag} is ${JSON.stringify(value)}`, () => {
      assert.throws(() => meshOf(`--${flag}=${value}`), allowed);
    });

  it('are all on the page of the CNI plugin', () => {
    const page = readFileSync(new URL('../../../docs/cni-server.md', import.meta.url), 'utf8');
    for (const { flag, env } of Object.values(primaryMeshSettings))
      assert.ok(page.includes(`| \`--${flag}\` / \`${env}\``), flag);
  });
});
