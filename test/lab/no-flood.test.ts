/** A network changes over to entries for MACs (`flood=false`) and back under traffic, and follows its members meanwhile. */
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { annotate, declareNetworks } from '../../deploy/demo/cluster.ts';
import type { PodRef } from '../../deploy/demo/kernel-look.ts';
import { waitReachable } from '../../deploy/demo/ping.ts';
import { inNetns, podNetnsPath, whyFailed } from '../../deploy/lab/lab.ts';
import { FLOOD_MAC } from '../../domain/forwarding/fdb.ts';
import { UdpTraffic } from '../traffic/udp-traffic.ts';
import { labTest, waitFor } from './harness.ts';
import { exactlyOne, meshComplete } from './invariants.ts';

const LINK = 'quiet1';
const LIMIT_MS = 20_000;

interface Entry {
  readonly mac: string;
  readonly dst?: string;
}
interface Neighbour {
  readonly dst: string;
  readonly lladdr?: string;
}

describe('a network without flooding', () => {
  const t = labTest('quiet');
  let pods: PodRef[] = [];

  before(async () => {
    await declareNetworks(t.lab, { [LINK]: 'id=3251 up' });
    pods = await t.createPods([
      { name: 'a', node: t.node(0), networks: `${LINK} ip=10.42.0.1/24` },
      { name: 'b', node: t.node(1), networks: `${LINK} ip=10.42.0.2/24` },
      { name: 'c', node: t.node(1) },
    ]);
    await exactlyOne(t.lab, pods);
    await meshComplete(t.lab, `cluster/${LINK}`);
  });

  const netnsOf = (index: number): Promise<string> => podNetnsPath(t.lab, pods[index] as PodRef);

  async function json<T>(netns: string, file: string, ...args: string[]): Promise<T[]> {
    const result = await inNetns(netns, file, ['-j', ...args, 'dev', LINK]);
    if (result.code !== 0) throw new Error(whyFailed(result));
    return JSON.parse(result.stdout.trim() === '' ? '[]' : result.stdout) as T[];
  }

  /** Waits until a pod sends without flooding to exactly these addresses, or floods and has no static neighbours. */
  async function knows(index: number, addresses: readonly string[] | 'floods'): Promise<void> {
    const netns = await netnsOf(index);
    let seen = '';
    await waitFor(
      `${pods[index]?.name} to know ${String(addresses)}`,
      async () => {
        const entries = await json<Entry>(netns, '/usr/sbin/bridge', 'fdb', 'show');
        const neighbours = (await json<Neighbour>(netns, '/usr/sbin/ip', 'neigh', 'show', 'nud', 'permanent')) ?? [];
        const flooding = entries.some(({ mac }) => mac === FLOOD_MAC);
        const known = neighbours
          .filter(({ lladdr }) => entries.some(({ mac }) => mac === lladdr))
          .map(({ dst }) => dst);
        seen = JSON.stringify({ entries, neighbours });
        if (addresses === 'floods') return flooding && neighbours.length === 0 ? true : undefined;
        return !flooding && known.sort().join() === [...addresses].sort().join() ? true : undefined;
      },
      { limitMs: LIMIT_MS, everyMs: 100 },
    ).catch((error: unknown) => assert.fail(`${(error as Error).message}; there is: ${seen}`));
  }

  test('takes over from flooding, follows its members, and gives back to it, without losing a datagram', async (context) => {
    const traffic = await UdpTraffic.start(await netnsOf(0), await netnsOf(1), '10.42.0.2');
    try {
      await declareNetworks(t.lab, { [LINK]: 'id=3251 up flood=false' });
      await knows(0, ['10.42.0.2']);
      await knows(1, ['10.42.0.1']);
      const c = pods[2] as PodRef;
      await annotate(t.lab, c, `${LINK} ip=10.42.0.3/24`);
      await knows(2, ['10.42.0.1', '10.42.0.2']);
      await knows(0, ['10.42.0.2', '10.42.0.3']);
      await waitReachable(t.lab, c, '10.42.0.1');
      await meshComplete(t.lab, `cluster/${LINK}`);
      await annotate(t.lab, c, undefined);
      await knows(0, ['10.42.0.2']);
      await declareNetworks(t.lab, { [LINK]: 'id=3251 up' });
      await knows(0, 'floods');
      await knows(1, 'floods');
      await meshComplete(t.lab, `cluster/${LINK}`);
      const { sent, lost, overrun } = await traffic.count();
      context.diagnostic(`${sent} datagrams, ${lost} lost, ${overrun} overrun`);
      assert.equal(lost, 0);
    } finally {
      await traffic.end();
    }
  });
});
