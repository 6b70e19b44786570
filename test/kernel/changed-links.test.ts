/** Links that were changed behind podwire's back, and foreign ones that only look like podwire's, on the real kernel. */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { PodwireError } from '../../domain/failures.ts';
import { driftOf } from '../../domain/sweep/drift.ts';
import { createNode, type NodeUnderTest, type Pod } from './node-under-test.ts';
import { PARENT_ADDRESS } from './namespace.ts';

const IP = '/usr/sbin/ip';

let node: NodeUnderTest;
before(() => {
  node = createNode();
});
after(() => node.close());

describe("a VXLAN link's MAC", () => {
  it('is set back when it was changed', async () => {
    const pod = await node.pod();
    const result = await node.ensure(await pod.intend());
    const attached = await pod.intend({}, { phase: 'attached', result });
    await pod.netns.exec([IP, 'link', 'set', 'dev', 'green', 'address', '02:00:00:00:00:99']);
    assert.deepEqual(driftOf(attached.value, await pod.view()), [`MAC 02:00:00:00:00:99 instead of ${result.mac}`]);

    const repaired = await node.ensure(await pod.intend({}, { generation: 2, result }));
    assert.equal(repaired.mac, result.mac);
    assert.equal(repaired.ifindex, result.ifindex);
    assert.equal((await pod.link())?.mac, result.mac);
  });

  it('is the same when the link was deleted and is made anew', async () => {
    const pod = await node.pod();
    const result = await node.ensure(await pod.intend());
    await pod.netns.exec([IP, 'link', 'delete', 'dev', 'green']);
    const repaired = await node.ensure(await pod.intend({}, { generation: 2, result }));
    assert.notEqual(repaired.ifindex, result.ifindex);
    assert.equal(repaired.mac, result.mac);
  });

  it('is taken over when the link was there before podwire', async () => {
    const pod = await node.pod();
    await pod.netns.exec([IP, ...'link add green type vxlan id 4711 dev eth0 dstport 8472'.split(' ')]);
    const result = await node.ensure(await pod.intend());
    await pod.netns.exec([IP, 'link', 'set', 'dev', 'green', 'address', '02:00:00:00:00:99']);
    const repaired = await node.ensure(await pod.intend({}, { generation: 2, result }));
    assert.equal(repaired.mac, '02:00:00:00:00:99');
  });
});

describe("a VXLAN link's MTU", () => {
  const setParent = (pod: Pod, mtu: number): Promise<string> =>
    pod.netns.exec([IP, 'link', 'set', 'dev', 'eth0', 'mtu', String(mtu)]);

  it("follows its parent's when that changes, down and up, and the device stays the same", async () => {
    const pod = await node.pod();
    let result = await node.ensure(await pod.intend());
    for (const [parent, mtu] of [
      [1400, 1350],
      [1500, 1450],
    ] as const) {
      const attached = await pod.intend({}, { phase: 'attached', result });
      await setParent(pod, parent);
      assert.deepEqual(driftOf(attached.value, await pod.view()), [
        `MTU ${result.mtu} instead of ${mtu}, since that of eth0 is ${parent}`,
      ]);
      const { ifindex, mac } = result;
      result = await node.ensure(await pod.intend({}, { generation: 2, result }));
      assert.deepEqual([result.mtu, result.ifindex, result.mac], [mtu, ifindex, mac]);
      const again = await pod.intend({}, { phase: 'attached', generation: 2, result });
      assert.deepEqual(driftOf(again.value, await pod.view()), []);
    }
  });

  it('stays as it was asked for, or while its addresses need it, and is set back when somebody changed it', async () => {
    const pod = await node.pod();
    for (const asked of [{ mtu: 1320 }, { addresses: ['fd00:11::1/64'], routes: [] }]) {
      const result = await node.ensure(await pod.intend(asked));
      const attached = await pod.intend(asked, { phase: 'attached', result });
      await setParent(pod, 1310);
      assert.deepEqual(driftOf(attached.value, await pod.view()), []);
      await setParent(pod, 1500);
      await pod.netns.exec([IP, 'link', 'set', 'dev', 'green', 'mtu', '1290']);
      assert.deepEqual(driftOf(attached.value, await pod.view()), [`MTU 1290 instead of ${result.mtu}`]);
    }
  });
});

describe('a foreign VXLAN device of the same VNI, port and parent', () => {
  let pod: Pod;
  before(async () => {
    pod = await node.pod();
  });
  afterEach(() => pod.netns.exec([IP, 'link', 'delete', 'dev', 'green']));

  const look = (): Promise<string> => pod.netns.exec([IP, '-d', 'address', 'show', 'dev', 'green']);
  const make = (more: string): Promise<string> =>
    pod.netns.exec([IP, ...`link add green type vxlan id 4711 dev eth0 dstport 8472 ${more}`.trim().split(' ')]);

  for (const more of ['local 10.244.1.9', 'group 239.1.1.1', 'remote 10.244.1.9', 'l2miss', 'l3miss', 'gbp']) {
    it(`is a conflict with ${more}, and left as it is`, async () => {
      await make(more);
      const before = await look();
      await assert.rejects(node.ensure(await pod.intend()), (error: unknown) => {
        assert.ok(error instanceof PodwireError && error.code === 'LinkConflict');
        assert.ok(error.message.includes(more), error.message);
        return true;
      });
      assert.equal(await look(), before);
    });
  }

  it("is adopted where its local address is the pod's", async () => {
    await make(`local ${PARENT_ADDRESS}`);
    assert.equal((await node.ensure(await pod.intend())).adopted, true);
  });
});
