/** Established traffic loses nothing while others join and leave. The long form with pods of a cluster is test/full/join-storm. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { UdpTraffic } from '../traffic/udp-traffic.ts';
import { createNode, type NodeUnderTest } from './node-under-test.ts';
import { Overlay, type OverlayPod } from './overlay.ts';

/** Joins and leaves together. */
const STORM = 200;
/** Pods with links of their own; the others are members on other nodes. */
const REAL = 4;
const AT_ONCE = 20;

let node: NodeUnderTest;
let overlay: Overlay;
before(async () => {
  node = createNode();
  overlay = await Overlay.open(node);
});
after(async () => {
  await overlay.close();
  await node.close();
});

const macOf = (number: number): string => `02:00:00:00:01:${number.toString(16).padStart(2, '0')}`;

for (const flood of [true, false]) {
  const change = flood ? {} : ({ flood: false } as const);
  test(`no datagram is lost while ${STORM} others join and leave, ${flood ? 'flooding' : 'with entries for MACs'}`, async (t) => {
    node.store.members = [];
    node.store.attachments.clear();
    const first = flood ? 11 : 61;
    const [a, b] = [await overlay.pod(first), await overlay.pod(first + 1)];
    const others: OverlayPod[] = [];
    for (let i = 0; i < REAL; i += 1) others.push(await overlay.pod(first + 2 + i));
    for (const member of [a, b]) await overlay.join(member, change);
    await node.sync();
    const traffic = await UdpTraffic.start(a.pod.netns.path, b.pod.netns.path, b.address);
    try {
      const startedAt = performance.now();
      let changes = 0;
      for (let round = 0; changes < STORM; round += 1) {
        const joining = round % 2 === 0;
        const real = others[(round >> 1) % REAL] as OverlayPod;
        const mesh = node.sync();
        await (joining ? overlay.join(real, change) : overlay.leave(real));
        for (let i = 1; i < AT_ONCE; i += 1) {
          const [uid, number] = [`x${i}`, 200 + i];
          const addresses = [`192.168.50.${number}/24`];
          if (joining) overlay.member(uid, `10.244.1.${number}`, { mac: macOf(number), addresses });
          else overlay.forget(uid);
        }
        changes += AT_ONCE;
        await mesh;
        await node.sync();
      }
      const stormMs = performance.now() - startedAt;
      const { sent, lost, overrun } = await traffic.count();
      t.diagnostic(
        `${changes} changes in ${Math.round(stormMs)} ms, ${sent} datagrams, ${lost} lost, ${overrun} overrun`,
      );
      assert.ok(sent > 500);
      assert.equal(lost, 0);
      assert.equal((await a.pod.fdb()).length, 1);
    } finally {
      await traffic.end();
    }
  });
}
