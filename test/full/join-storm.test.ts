/** Established traffic between pods of two nodes, a datagram a millisecond, through two hundred joins and leaves of other pods. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { PodRef } from '../../deploy/demo/kernel-look.ts';
import { podNetnsPath } from '../../deploy/lab/lab.ts';
import { PodPatcher } from '../faults/pod-patcher.ts';
import { labTest, waitLink } from '../lab/harness.ts';
import { exactlyOne, meshComplete, nothingLeaked } from '../lab/invariants.ts';
import { UdpTraffic } from '../traffic/udp-traffic.ts';

const OTHERS = 10;
/** Each other pod joins and leaves once a round. */
const ROUNDS = 10;
const LINK_LIMIT_MS = 30_000;

for (const mode of ['', ' flood=false']) {
  describe(`a storm of joins and leaves${mode}`, () => {
    const t = labTest('storm');
    const network = `storm id=320${mode === '' ? 2 : 3} up${mode}`;
    let patcher: PodPatcher;
    before(() => {
      patcher = new PodPatcher(t.lab);
    });
    after(() => patcher.close());

    test(`costs two pods that talk no datagram (${OTHERS * ROUNDS * 2} joins and leaves)`, async (context) => {
      const desired = (number: number): string => `${network} ip=10.43.0.${number}/24`;
      const pods = await t.createPods([
        { name: 'a', node: t.node(0), networks: desired(1) },
        { name: 'b', node: t.node(1), networks: desired(2) },
        ...Array.from({ length: OTHERS }, (_, index) => ({ name: `other${index}`, node: t.node(index) })),
      ]);
      const [a, b, ...others] = pods as [PodRef, PodRef, ...PodRef[]];
      await exactlyOne(t.lab, pods);
      await meshComplete(t.lab, `${t.namespace}/storm`);
      const traffic = await UdpTraffic.start(await podNetnsPath(t.lab, a), await podNetnsPath(t.lab, b), '10.43.0.2');
      try {
        for (let round = 0; round < ROUNDS; round += 1) {
          for (const joins of [true, false]) {
            await Promise.all(
              others.map(async (pod, index) => {
                await patcher.ask(pod, joins ? desired(10 + index) : '');
                await waitLink(t.lab, pod, 'storm', (link) => (link !== undefined) === joins, LINK_LIMIT_MS);
              }),
            );
          }
        }
        const { sent, lost, overrun } = await traffic.count();
        context.diagnostic(`${sent} datagrams, ${lost} lost, ${overrun} overrun`);
        assert.equal(lost, 0);
      } finally {
        await traffic.end();
      }
      await meshComplete(t.lab, `${t.namespace}/storm`);
      await nothingLeaked(t.lab, { limitMs: 30_000 });
    });
  });
}
