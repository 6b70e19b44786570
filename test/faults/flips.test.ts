/** One annotation that does not come to rest: bounded work while it flips, the right links at its end. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { linksIn, vxlanOf, type PodRef } from '../../deploy/demo/kernel-look.ts';
import { podNetnsPath } from '../../deploy/lab/lab.ts';
import { labTest, waitFor } from '../lab/harness.ts';
import { exactlyOne, nothingLeaked } from '../lab/invariants.ts';
import { Histories } from './histories.ts';
import { PodPatcher } from './pod-patcher.ts';

const FLIPS = 1_000;
const FLIP_EVERY_MS = 20;
const SPACINGS_MS = [0, 1, 5, 20, 50, 100, 200, 500];
const TIMES = 3;
/** From the last edit to the right links. */
const RIGHT_WITHIN_MS = 5_000;

const A = 'flipa id=4400 ip=10.79.1.1/24 up=true';
const B = 'flipb id=4401 ip=10.79.2.1/24 up=true';

describe('flipping wishes', () => {
  const context = labTest('flips');
  let patcher: PodPatcher;
  let histories: Histories;

  before(() => {
    patcher = new PodPatcher(context.lab);
    histories = new Histories(context.lab);
  });
  after(async () => {
    patcher.close();
    await histories.close();
  });

  async function showsOnly(netns: string, network: string, limitMs: number): Promise<void> {
    let seen = '';
    await waitFor(
      `${network} as the only VXLAN link`,
      async () => {
        seen = vxlanOf(await linksIn(netns))
          .map(({ name }) => name)
          .join();
        return seen === network ? true : undefined;
      },
      { limitMs, everyMs: 20 },
    ).catch((error: unknown) => assert.fail(`${(error as Error).message}; there is: ${seen}`));
  }

  /** What was asked for last is there, and stays there when everything has come to rest. */
  async function endsAt(pods: readonly PodRef[], network: string): Promise<void> {
    await nothingLeaked(context.lab);
    await exactlyOne(context.lab, pods);
    for (const pod of pods) await showsOnly(await podNetnsPath(context.lab, pod), network, 0);
  }

  test(`${FLIPS} flips in 20 s make at most 100 runs and 1,100 signals, and end as the last one asks`, async (t) => {
    const [pod] = await context.createPods([{ name: 'flipper', node: context.node(0) }]);
    assert.ok(pod);
    const netns = await podNetnsPath(context.lab, pod);
    const uid = await patcher.uid(pod);
    const began = performance.now();
    for (let flip = 0; flip < FLIPS; flip += 1) {
      await patcher.ask(pod, flip % 2 === 0 ? B : A);
      await sleep(Math.max(0, began + (flip + 1) * FLIP_EVERY_MS - performance.now()));
    }
    const took = performance.now() - began;
    const last = performance.now();
    await showsOnly(netns, 'flipa', RIGHT_WITHIN_MS);
    const right = performance.now() - last;
    await endsAt([pod], 'flipa');
    const { runs, signals } = await histories.countsOf({ ...pod, uid });
    t.diagnostic(
      `${FLIPS} flips in ${(took / 1000).toFixed(1)} s: ${runs} runs, ${signals} signals, right ${Math.round(right)} ms after the last`,
    );
    assert.ok(runs <= 100, `${runs} runs`);
    assert.ok(signals <= 1_100, `${signals} signals`);
  });

  test('A, B and A again ends at A, however close together', async () => {
    const pods = await context.createPods(
      SPACINGS_MS.map((spacing, index) => ({
        name: `gap${spacing}`,
        node: context.node(index),
        networks: desiredOf(A, index),
      })),
    );
    const netns = await Promise.all(pods.map((pod) => podNetnsPath(context.lab, pod)));
    await Promise.all(netns.map((path) => showsOnly(path, 'flipa', 20_000)));
    for (let time = 0; time < TIMES; time += 1) {
      await Promise.all(
        pods.map(async (pod, index) => {
          const spacing = SPACINGS_MS[index] ?? 0;
          await patcher.ask(pod, desiredOf(B, index));
          if (spacing > 0) await sleep(spacing);
          await patcher.ask(pod, desiredOf(A, index));
        }),
      );
      await endsAt(pods, 'flipa');
    }
  });
});

/** The same network with an address of this pod's own: the flipping one of the test before still has the first. */
const desiredOf = (desired: string, index: number): string => desired.replace('.1/24', `.${index + 2}/24`);
