/** What podwire stands on goes away in the middle of twenty attaches and detaches: all of them are carried out, and nobody else's traffic notices. */
import assert from 'node:assert/strict';
import { after, before, test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { linksIn, vxlanOf, type PodRef } from '../../deploy/demo/kernel-look.ts';
import { podNetnsPath, restartPart, startPart, stopPart } from '../../deploy/lab/lab.ts';
import { partSpec } from '../../deploy/lab/parts.ts';
import { labTest } from '../lab/harness.ts';
import { exactlyOne, meshComplete, nothingLeaked, statusTruth } from '../lab/invariants.ts';
import { settle } from '../lab/settle.ts';
import { Histories } from './histories.ts';
import { PodPatcher } from './pod-patcher.ts';
import { Pinger } from './pinger.ts';

/** After the return of what was away. */
const LIMIT = { limitMs: 60_000 };
const MOVERS = 10;
/** Operations before the outage; the others are asked for while it lasts. */
const EARLY = 4;

interface Mover extends PodRef {
  readonly netns: string;
}

/** @param downMs how long each of them is away */
export function outagesDuringABurst(downMs: number): void {
  const context = labTest('outage');
  const startedAt = new Date();
  const steady: PodRef[] = [];
  const movers: Mover[] = [];
  let network = 'first';
  let patcher: PodPatcher;
  let histories: Histories;

  const steadyAddress = (index: number): string => `10.78.0.${index + 1}`;
  const desired = (name: string, index: number): string =>
    `${name} id=${name === 'first' ? 4301 : 4302} ip=10.78.${name === 'first' ? 1 : 2}.${index + 1}/24 up=true`;

  before(async () => {
    patcher = new PodPatcher(context.lab);
    histories = new Histories(context.lab);
    const steadies = context.lab.nodes.map((node, index) => ({
      name: `steady${index}`,
      node: node.name,
      networks: `steady id=4300 ip=${steadyAddress(index)}/24 up=true`,
    }));
    const moving = Array.from({ length: MOVERS }, (_, index) => ({
      name: `mover${index}`,
      node: context.node(index),
      networks: desired(network, index),
    }));
    const refs = await context.createPods([...steadies, ...moving]);
    steady.push(...refs.slice(0, steadies.length));
    for (const ref of refs.slice(steadies.length)) {
      movers.push({ ...ref, netns: await podNetnsPath(context.lab, ref) });
    }
    await converged();
  });
  after(async () => {
    patcher.close();
    await histories.close();
  });

  /** Every mover leaves its network and joins the other: ten attaches and ten detaches, `pauseMs` apart. */
  async function move(from: number, to: number, pauseMs: number): Promise<void> {
    for (const [index, mover] of movers.entries()) {
      if (index < from || index >= to) continue;
      await patcher.ask(mover, desired(network, index));
      await sleep(pauseMs);
    }
  }

  async function converged(): Promise<void> {
    const { lab } = context;
    await settle(
      'every mover is on its new network only',
      async () => {
        const names = await Promise.all(
          movers.map(async ({ netns }) => vxlanOf(await linksIn(netns)).map(({ name }) => name)),
        );
        return names.flatMap((found, index) =>
          found.join() === network ? [] : [`mover${index} has ${found.join() || 'none'}, asked for ${network}`],
        );
      },
      LIMIT,
    );
    await nothingLeaked(lab, LIMIT);
  }

  async function invariants(): Promise<void> {
    const { lab, namespace } = context;
    await exactlyOne(lab, [...movers, ...steady], LIMIT);
    await statusTruth(lab, movers, LIMIT);
    await meshComplete(lab, `${namespace}/${network}`, LIMIT);
    await meshComplete(lab, `${namespace}/steady`, LIMIT);
  }

  /** @param outage begins and ends the outage; what it returns is awaited before convergence is measured */
  async function during(t: TestContext, outage: () => Promise<void>): Promise<void> {
    network = network === 'first' ? 'second' : 'first';
    const sources = await Promise.all(steady.map((pod) => podNetnsPath(context.lab, pod)));
    const pingers = sources.map((netns, index) => new Pinger(netns, steadyAddress((index + 1) % steady.length)));
    try {
      await outage();
      const back = performance.now();
      await converged();
      const took = performance.now() - back;
      t.diagnostic(`all converged ${(took / 1000).toFixed(1)} s after the return`);
      assert.ok(took <= LIMIT.limitMs, `converged only ${Math.round(took)} ms after the return`);
    } finally {
      const traffic = await Promise.all(pingers.map((pinger) => pinger.stop()));
      for (const { sent, received } of traffic) assert.equal(received, sent, 'established pings lose nothing');
      t.diagnostic(`pings: ${traffic.map(({ sent, received }) => `${received} of ${sent}`).join(', ')}`);
    }
    await invariants();
  }

  /** Stops a part of the lab with operations under way, just asked for, and asked for meanwhile. */
  async function away(part: string): Promise<void> {
    const { lab } = context;
    const spec = partSpec(lab, part);
    assert.ok(spec, `the lab has no part ${part}`);
    await move(0, EARLY, 0);
    await stopPart(lab, part, 'SIGKILL');
    const gone = performance.now();
    await move(EARLY, MOVERS, 500);
    await sleep(downMs - (performance.now() - gone));
    await startPart(lab, spec);
  }

  test(`Temporal is down for ${downMs / 1_000} s`, (t) => during(t, () => away('temporal')));

  test(`podwire's etcd is down for ${downMs / 1_000} s`, (t) => during(t, () => away('podwire-etcd')));

  test('kube-apiserver is restarted', (t) =>
    during(t, async () => {
      await move(0, MOVERS, 0);
      await restartPart(context.lab, 'kube-apiserver');
    }));

  test('no workflow task failed', async () => {
    assert.deepEqual(await histories.failedTasks(startedAt), []);
  });
}
