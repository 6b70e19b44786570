/** What the living implementation gets wrong, counted: twenty pods of one node, forty attachments, and everything that may get in their way. */
import assert from 'node:assert/strict';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { cniPluginsDir, copyCniPlugins } from '../../deploy/lab/cni-plugins.ts';
import { stopPart, type LabNode } from '../../deploy/lab/lab.ts';
import { nodePart, startPodwire } from '../../deploy/lab/podwire.ts';
import { LinkMonitor } from '../bench/link-monitor.ts';
import { sampleOf } from '../bench/statistics.ts';
import { wallNow } from '../bench/wall-clock.ts';
import { installFakePlugin, type FakePlugin } from '../fakes/cni-plugin/install.ts';
import { bridgeConfig, defineNetworks } from '../lab/cni-networks.ts';
import { labTest, waitFor } from '../lab/harness.ts';
import { nothingLeaked } from '../lab/invariants.ts';
import { AWAY_TYPE, installAwayPlugin, toggledDuring, workerAway } from './cni-figures-outage.ts';
import { FigurePods, type FigurePod, type DesiredNetwork } from './cni-figures-pods.ts';

const PODS = 20;
/** Each pod takes part in every round. */
const ROUNDS = 5;
const LONGEST_SPACING_MS = 100;
const SEED = 20_251_121;
const SLOW_MS = 20_000;
const ALONE = 7;
/** What "0 s" is on a machine that is busy with other things. */
const NO_DELAY_MS = 1_000;
const DOWN_MS = 3_000;
const LIMIT = { limitMs: 60_000 };

const ADDRESSED: DesiredNetwork = { name: 'figaddr', interface: 'data0' };
const PLAIN: DesiredNetwork = { name: 'figplain', interface: 'data1' };
const SLOW: DesiredNetwork = { name: 'figslow', interface: 'slow0' };
const AWAY: DesiredNetwork = { name: 'figaway', interface: 'away0' };

describe('figures of CNI networks', () => {
  const context = labTest('cnifig');
  let node: LabNode;
  let set: FigurePods;
  let awayPlugin: ReturnType<typeof installAwayPlugin>;
  let slowPlugin: FakePlugin;

  before(async () => {
    node = context.lab.nodes[0] as LabNode;
    const ptp = join(cniPluginsDir(), 'ptp');
    removeSlowPlugin(node);
    const rules = { ADD: { delegate: ptp, sleepMs: SLOW_MS }, '*': { delegate: ptp } };
    slowPlugin = installFakePlugin(node.cniBinDir, 'ptp', rules);
    awayPlugin = installAwayPlugin(node);
    await defineNetworks(context.lab, context.namespace, {
      figaddr: bridgeConfig('figaddr', 'br-figa', '10.60.1.0/24'),
      figplain: bridgeConfig('figplain', 'br-figp'),
      figslow: {
        ...{ cniVersion: '1.1.0', name: 'figslow', type: 'ptp' },
        ipam: { type: 'host-local', ranges: [[{ subnet: '10.60.2.0/24' }]] },
      },
      figaway: { ...bridgeConfig('figaway', 'br-figw', '10.60.3.0/24'), type: AWAY_TYPE },
    });
    set = new FigurePods(context.lab, context.namespace, node, ['figaddr', 'figslow', 'figaway']);
    const names = Array.from({ length: PODS }, (_, index) => ({ name: `fig${index}`, node: node.name }));
    await set.follow(await context.createPods(names));
  });
  after(async () => {
    // What is still attached needs its plugin once more.
    await context.deletePods(set.pods);
    await set.released(LIMIT.limitMs);
    awayPlugin.remove();
    removeSlowPlugin(node);
    await set.close();
  });

  test(`${PODS * ROUNDS} annotations that are set and taken back within ${LONGEST_SPACING_MS} ms end right`, async (t) => {
    const random = seeded(SEED);
    const wrong: string[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      await Promise.all(
        set.pods.map(async (pod) => {
          const spacing = random() * LONGEST_SPACING_MS;
          await set.ask(pod, [ADDRESSED]);
          await sleep(spacing);
          await set.ask(pod, []);
        }),
      );
      await set.quiet(LIMIT.limitMs);
      wrong.push(...(await set.wrong()));
    }
    await nothingLeaked(context.lab, LIMIT);
    t.diagnostic(`set and taken back ${PODS * ROUNDS} times: ${wrong.length} ended wrong (seed ${SEED})`);
    assert.deepEqual([...wrong, ...(await set.wrong())], []);
  });

  test(`a plugin that takes ${SLOW_MS / 1000} s for one pod delays nobody else`, async (t) => {
    const [patient, other] = set.pods as [FigurePod, FigurePod];
    const monitor = await LinkMonitor.open(other.netns);
    const attachMs = async (): Promise<number> => {
      const up = monitor.up(ADDRESSED.interface);
      const askedAt = wallNow();
      await set.ask(other, [ADDRESSED]);
      const took = (await up).at - askedAt;
      const gone = monitor.gone(ADDRESSED.interface);
      await set.ask(other, []);
      await gone;
      return took;
    };
    const calls = (event: 'start' | 'end'): number =>
      slowPlugin.events().filter((each) => each.command === 'ADD' && each.event === event).length;
    try {
      const alone: number[] = [];
      while (alone.length < ALONE) alone.push(await attachMs());
      await set.ask(patient, [SLOW]);
      await waitFor('the slow plugin to be at it', async () => (calls('start') > 0 ? true : undefined), LIMIT);
      const beside: number[] = [];
      for (let took = await attachMs(); calls('end') === 0; took = await attachMs()) beside.push(took);
      const delay = sampleOf(beside).p50 - sampleOf(alone).p50;
      t.diagnostic(
        `attach alone ${said(alone)}, beside the slow one ${said(beside)}: delayed by ${(delay / 1000).toFixed(2)} s`,
      );
      assert.ok(delay < NO_DELAY_MS, `delayed by ${Math.round(delay)} ms`);
      assert.ok(sampleOf(beside).max < sampleOf(alone).max + 5 * NO_DELAY_MS, said(beside));
      await set.converged(performance.now(), LIMIT.limitMs);
    } finally {
      await monitor.close();
    }
    await set.ask(patient, []);
    await set.converged(performance.now(), LIMIT.limitMs);
  });

  test(`${2 * PODS} attaches on one node converge when its worker is killed in their middle and back after ${DOWN_MS / 1000} s`, async (t) => {
    await Promise.all(set.pods.map((pod) => set.ask(pod, [ADDRESSED, PLAIN])));
    await waitFor(
      'half of the addresses to be given out',
      async () => (set.reserved(ADDRESSED.name) >= PODS / 2 ? true : undefined),
      { ...LIMIT, everyMs: 5 },
    );
    await stopPart(context.lab, nodePart(node.name), 'SIGKILL');
    const done = await set.interfaces();
    await sleep(DOWN_MS);
    const back = performance.now();
    await startPodwire(context.lab);
    const took = await set.converged(back, LIMIT.limitMs);
    t.diagnostic(`killed when ${done} of ${2 * PODS} were there; all ${2 * PODS} ${seconds(took)} after its start`);
    await nothingLeaked(context.lab, LIMIT);
    assert.deepEqual(await set.wrong(), []);
    assert.ok(done < 2 * PODS, 'the worker was killed too late');
  });

  test(`what is asked for while a plugin is away for ${DOWN_MS / 1000} s is done after its return`, async (t) => {
    await half(AWAY);
    const took = await toggledDuring(set, AWAY, () => awayPlugin.away(DOWN_MS));
    t.diagnostic(`${PODS} attaches and detaches done ${seconds(took)} after the return of the plugin`);
    await nothingLeaked(context.lab, LIMIT);
  });

  test(`what is asked for while the node's worker is away for ${DOWN_MS / 1000} s is done after its return`, async (t) => {
    const took = await toggledDuring(set, AWAY, () => workerAway(context.lab, node, DOWN_MS));
    t.diagnostic(`${PODS} attaches and detaches done ${seconds(took)} after the return of the worker`);
    await nothingLeaked(context.lab, LIMIT);
  });

  test(`${PODS} pods deleted at once while attached leave no address behind`, async (t) => {
    const before = set.allReserved();
    assert.equal(before, PODS + PODS / 2);
    await context.deletePods(set.pods);
    const gone = performance.now();
    const left = await set.released(LIMIT.limitMs);
    t.diagnostic(
      `${before} addresses held by ${PODS} pods: ${left} leaked, freed ${seconds(performance.now() - gone)} after the pods were gone`,
    );
    assert.equal(left, 0);
    await nothingLeaked(context.lab, LIMIT);
    assert.deepEqual(readdirSync(join(node.root, '/var/lib/podwire/cni')), []);
  });

  /** Every other pod gets a network. */
  async function half(desired: DesiredNetwork): Promise<void> {
    const some = set.pods.filter((_, index) => index % 2 === 0);
    await Promise.all(some.map((pod) => set.ask(pod, [...set.desiredNetworks(pod), desired])));
    await set.converged(performance.now(), LIMIT.limitMs);
  }
});

/** Also what it wrote down in an earlier run. */
function removeSlowPlugin({ cniBinDir }: LabNode): void {
  const files = readdirSync(cniBinDir).filter((file) => file === 'ptp' || file.startsWith('ptp.'));
  for (const file of files) rmSync(join(cniBinDir, file));
  copyCniPlugins(cniBinDir);
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

function said(values: readonly number[]): string {
  const { n, p50, max } = sampleOf(values);
  return `${Math.round(p50)} ms (median of ${n}, most ${Math.round(max)})`;
}

/** Numbers in 0…1 that are the same in every run (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
