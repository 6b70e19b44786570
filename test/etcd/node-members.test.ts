/** Members of the mesh between nodes, on a real etcd. */
import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { createNodeMembers } from '../../adapters/etcd/node-members.ts';
import { createRecordStore } from '../../adapters/etcd/record-store.ts';
import { nodeMemberKey, rootPrefix } from '../../domain/keys.ts';
import type { NodeMember } from '../../domain/primary/node-member.ts';
import { etcdForTests } from './etcd-for-tests.ts';
import { makeWhole } from './whole-store.ts';

const member = (number: number, more: Partial<NodeMember> = {}): NodeMember => ({
  ...{ node: `n${number}`, addresses: [`192.0.2.${number}`, `2001:db8::${number}`], mac: '0e:70:0a:01:01:00' },
  ...{ subnets: [`10.1.${number}.0/24`, `fd00:1:${number}::/64`], ...more },
});

describe('members of the mesh between nodes', () => {
  const real = etcdForTests();
  const members = () => createNodeMembers(real.etcd);
  const put = (key: string, value: string) => real.etcd.transact([], [{ put: key, value }]);
  beforeEach(async () => {
    for (const key of await real.etcd.keys(rootPrefix())) await real.etcd.transact([], [{ remove: key }]);
  });

  it('are read as they were published, and are untold until somebody has told of them', async () => {
    assert.equal(await members().publish(member(1)), 'untold');
    assert.equal(await members().publish(member(1)), 'untold');
    await members().told('n1');
    assert.equal(await members().publish(member(1)), 'told');
    assert.equal(await members().publish(member(1, { addresses: ['192.0.2.77'] })), 'untold');
    await makeWhole(real.etcd);
    await members().publish(member(2));
    assert.deepEqual(await members().read(), {
      ...{ members: [member(1, { addresses: ['192.0.2.77'] }), member(2)], isWhole: true, unreadable: [] },
    });
    assert.deepEqual(await createRecordStore(real.etcd).nodeMembers(), ['n1', 'n2']);
  });

  it('that are published twice at once are one, and the others are to be told', async () => {
    const said = await Promise.all(Array.from({ length: 8 }, () => members().publish(member(1))));
    assert.deepEqual(new Set(said), new Set(['untold']));
    assert.deepEqual((await members().read()).members, [member(1)]);
  });

  it('go with what was to be told of them, once', async () => {
    await members().publish(member(1));
    assert.deepEqual([await members().remove('n1'), await members().remove('n1')], [true, false]);
    assert.deepEqual(await real.etcd.keys('/podwire/node-mesh/'), []);
  });

  it('that cannot be read are named, and written anew by their node', async () => {
    const wrong: Record<string, object> = {
      n2: { v: 2, ...member(2) },
      n3: { v: 1, ...member(3, { mac: '0f:70:00:00:00:03' }) },
      n4: { v: 1, ...member(4, { addresses: ['192.0.2.4', '192.0.2.5'] }) },
      n5: { v: 1, ...member(5, { subnets: ['10.1.5.1/24'] }) },
      n6: { v: 1, ...member(7) },
    };
    for (const [node, value] of Object.entries(wrong)) await put(nodeMemberKey(node), JSON.stringify(value));
    await put(nodeMemberKey('n8'), 'words');
    const { members: found, isWhole, unreadable } = await members().read();
    assert.deepEqual([found, isWhole, unreadable], [[], false, ['n2', 'n3', 'n4', 'n5', 'n6', 'n8']]);
    assert.equal(await members().publish(member(8)), 'untold');
    assert.deepEqual((await members().read()).members, [member(8)]);
  });
});
