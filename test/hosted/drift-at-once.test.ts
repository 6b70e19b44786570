/** What somebody changes by hand in a pod is repaired at once, without waiting for a sweep, and the pod's owner is told. */
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { declareNetworks, podwireEvents } from '../../deploy/demo/cluster.ts';
import { floodTargets, linksIn, type PodRef, type SeenLink } from '../../deploy/demo/kernel-look.ts';
import { inNetns, podNetnsPath, whyFailed } from '../../deploy/lab/lab.ts';
import { startPodwire } from '../../deploy/lab/podwire.ts';
import { bridgeConfig, defineNetworks, wantNetworks } from '../lab/cni-networks.ts';
import { labTest, waitFor, waitLink } from '../lab/harness.ts';
import { exactlyOne } from '../lab/invariants.ts';
import { promised } from '../workflows/limits.ts';

/** A sandbox has ten repairs in a row: this many have enough of them for all tries. */
const PODS = 8;
/** Twenty of each are in docs/performance.md. */
const TRIES = 4;
/** No sweep comes in between. */
const SWEEP_SECONDS = 600;
const PROMISED_MS = 2_000;

interface Place {
  readonly pod: PodRef;
  readonly netns: string;
}

interface Change {
  readonly what: string;
  readonly words: (flood: string) => readonly string[];
  readonly isRight: (place: Place, before: SeenLink, flood: readonly string[]) => Promise<boolean>;
  readonly link?: string;
}

const linkOf = async ({ netns }: Place, name: string): Promise<SeenLink | undefined> =>
  (await linksIn(netns)).find((link) => link.name === name);

const CHANGES: readonly Change[] = [
  {
    what: 'VXLAN link deleted',
    words: () => ['ip', 'link', 'delete', 'swift'],
    isRight: async (place, before, flood) => {
      const link = await linkOf(place, 'swift');
      if (link?.up !== true || link.ifindex === before.ifindex || link.mac !== before.mac) return false;
      return (await floodTargets(place.netns, 'swift')).join() === flood.join();
    },
  },
  {
    what: 'address removed',
    words: () => ['ip', 'address', 'flush', 'dev', 'swift', 'scope', 'global'],
    isRight: async (place, before) => (await linkOf(place, 'swift'))?.addresses.join() === before.addresses.join(),
  },
  {
    what: 'MTU changed',
    words: () => ['ip', 'link', 'set', 'swift', 'mtu', '1300'],
    isRight: async (place, before) => (await linkOf(place, 'swift'))?.mtu === before.mtu,
  },
  {
    what: 'MAC changed',
    words: () => ['ip', 'link', 'set', 'swift', 'address', '02:00:00:00:00:99'],
    isRight: async (place, before) => (await linkOf(place, 'swift'))?.mac === before.mac,
  },
  {
    what: 'forwarding entry deleted',
    words: (to) => ['bridge', 'fdb', 'del', '00:00:00:00:00:00', 'dev', 'swift', 'dst', to],
    isRight: async ({ netns }, _before, flood) => (await floodTargets(netns, 'swift')).join() === flood.join(),
  },
  {
    what: 'forwarding entry added',
    words: () => ['bridge', 'fdb', 'append', '00:00:00:00:00:00', 'dev', 'swift', 'dst', '10.1.2.3'],
    isRight: async ({ netns }, _before, flood) => (await floodTargets(netns, 'swift')).join() === flood.join(),
  },
  {
    what: 'CNI interface deleted',
    link: 'wired0',
    words: () => ['ip', 'link', 'delete', 'wired0'],
    isRight: async (place, before) => {
      const link = await linkOf(place, 'wired0');
      return link?.up === true && link.ifindex !== before.ifindex && link.addresses.length > 0;
    },
  },
];

describe('what is changed by hand in a pod', () => {
  const t = labTest('swift');
  const places: Place[] = [];
  let tries = 0;

  before(async () => {
    await startPodwire(t.lab, { env: { PODWIRE_SWEEP_SECONDS: String(SWEEP_SECONDS) } });
    await declareNetworks(t.lab, { swift: 'id=3791 up' });
    await defineNetworks(t.lab, t.namespace, { wired: bridgeConfig('wired', 'br-swift', '10.79.0.0/24') });
    const pods = await t.createPods(
      Array.from({ length: PODS }, (_unused, at) => ({
        ...{ name: `p${at}`, node: t.node(at), networks: `swift ip=10.37.91.${at + 1}/24` },
      })),
    );
    for (const pod of pods) await wantNetworks(t.lab, pod, [{ name: 'wired', interface: 'wired0' }]);
    for (const pod of pods) {
      for (const name of ['swift', 'wired0']) await waitLink(t.lab, pod, name, (link) => link?.up === true, 30_000);
      const netns = await podNetnsPath(t.lab, pod);
      places.push({ pod, netns });
    }
    for (const { netns } of places)
      await waitFor('a whole mesh', async () => (await floodTargets(netns, 'swift')).length === PODS - 1 || undefined, {
        limitMs: 30_000,
      });
  });

  for (const change of CHANGES) {
    test(`is right again within two seconds: ${change.what}`, async () => {
      const took: number[] = [];
      for (let at = 0; at < TRIES; at += 1) {
        const place = places[at % places.length];
        assert.ok(place);
        took.push(await timed(place, change));
        tries += 1;
      }
      took.sort((a, b) => a - b);
      const ms = (at: number): string => `${Math.round(took[Math.min(TRIES - 1, Math.floor(at * TRIES))] ?? 0)} ms`;
      process.stdout.write(`${change.what}: p50 ${ms(0.5)}, p90 ${ms(0.9)}, p99 ${ms(0.99)} of ${TRIES}\n`);
      // One of them may meet with what else the machine does.
      assert.ok((took.at(-2) ?? 0) <= PROMISED_MS, `the slowest but one took ${Math.round(took.at(-2) ?? 0)} ms`);
      assert.ok((took.at(-1) ?? 0) <= promised(PROMISED_MS), `the slowest took ${Math.round(took.at(-1) ?? 0)} ms`);
    });
  }

  test('is told to the owner each time', async () => {
    let said = 0;
    await waitFor(
      `${tries} events`,
      async () => {
        const events = await Promise.all(places.map(({ pod }) => podwireEvents(t.lab, pod)));
        said = events.flat().filter(({ reason }) => reason === 'NetworkDrifted').length;
        return said >= tries || undefined;
      },
      { limitMs: 30_000 },
    ).catch((error: unknown) => {
      throw new Error(`${said} events of ${tries}`, { cause: error });
    });
    await exactlyOne(
      t.lab,
      places.map(({ pod }) => pod),
    );
  });
});

/** Milliseconds from the change to the moment when all is right again, as the kernel has it. */
async function timed(place: Place, { words, isRight, link = 'swift' }: Change): Promise<number> {
  const before = await linkOf(place, link);
  const flood = await floodTargets(place.netns, 'swift');
  assert.ok(before);
  const [program = '', ...rest] = words(flood[0] ?? '');
  const result = await inNetns(place.netns, program, rest);
  assert.equal(result.code, 0, whyFailed(result));
  const startedAt = performance.now();
  await waitFor('it to be right again', async () => (await isRight(place, before, flood)) || undefined, {
    limitMs: 20_000,
    everyMs: 20,
  });
  return performance.now() - startedAt;
}
