/** podwire's parts are replaced while pods come and ask for networks: updated, scaled to none and back, given another setting. */
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { inSystem, installPodwire, waitUntilServing } from '../../deploy/lab/installed.ts';
import { labTest, waitFor } from '../lab/harness.ts';
import { intentFirst } from '../lab/invariants.ts';
import { Burst, since } from './burst.ts';

const LIMIT = { limitMs: 60_000 };
const DEPLOYMENTS = ['deployment/podwire-orchestrator', 'deployment/podwire-watcher'];
const WORKERS = 'daemonset/podwire-node';

describe('an update of podwire', () => {
  const t = labTest('updates');
  let burst: Burst;

  before(async () => {
    burst = await Burst.prepare(t, { name: 'upd', id: 4861, prefix: '10.71' });
  });

  const pods = async (): Promise<string[]> =>
    (await inSystem(t.lab, ['get', 'pods', '-o', 'jsonpath={.items[*].metadata.name}'])).split(' ').sort();
  const rolledOut = (name: string): Promise<string> =>
    inSystem(t.lab, ['rollout', 'status', name, '--timeout=120s'], { timeoutMs: 130_000 });

  test('of every part in the middle of a burst attaches each pod exactly once', async (c) => {
    const old = await pods();
    await burst.ask(4);
    const began = performance.now();
    await inSystem(t.lab, ['rollout', 'restart', ...DEPLOYMENTS, WORKERS]);
    await burst.ask(4);
    const workers = rolledOut(WORKERS).then(() => performance.now() - began);
    const others = Promise.all(DEPLOYMENTS.map(rolledOut));
    await waitFor(
      'the first worker to be replaced',
      async () => ((await replacedWorkers(old)) > 0 ? true : undefined),
      LIMIT,
    );
    await burst.ask(4);
    await intentFirst(t.lab);
    const took = await workers;
    await others;
    c.diagnostic(`workers of ${t.lab.nodes.length} nodes were updated in ${(took / 1_000).toFixed(1)} s`);
    await burst.attached(LIMIT);
    c.diagnostic(`12 pods with two networks each were attached ${since(began)} after the update began`);
    assert.deepEqual(
      (await pods()).filter((name) => old.includes(name)),
      [],
    );
  });

  const replacedWorkers = async (old: readonly string[]): Promise<number> =>
    (await pods()).filter((name) => name.startsWith('podwire-node-') && !old.includes(name)).length;

  test('without an orchestrator for a while leaves what is attached alone, and carries out afterwards what was asked for', async (c) => {
    const untouched = await burst.links();
    const scale = (replicas: number): Promise<string> =>
      inSystem(t.lab, ['scale', 'deployment/podwire-orchestrator', `--replicas=${replicas}`]);
    await burst.ask(2);
    await scale(0);
    const asked = await burst.ask(2);
    await waitFor(
      'no orchestrator',
      async () => {
        const selector = ['-l', 'app.kubernetes.io/name=podwire-orchestrator'];
        return (await inSystem(t.lab, ['get', 'pods', ...selector, '-o', 'name'])) === '' ? true : undefined;
      },
      { limitMs: 40_000 },
    );
    asked.push(...(await burst.ask(2)));
    const back = performance.now();
    await scale(2);
    await burst.attached(LIMIT);
    c.diagnostic(`${asked.length} pods and more were attached ${since(back)} after the orchestrators were asked back`);
    await rolledOut('deployment/podwire-orchestrator');
    const now = await burst.links();
    for (const [pod, links] of untouched) assert.deepEqual(now.get(pod), links, pod);
  });

  test('by a changed setting replaces every pod, and touches nothing', async (c) => {
    const [old, untouched] = [await pods(), await burst.links()];
    const began = performance.now();
    await installPodwire(t.lab, { overlay: 'existing', settings: { PODWIRE_LOG_LEVEL: 'debug' } });
    await waitUntilServing(t.lab);
    c.diagnostic(`all pods had the setting ${since(began)} after it was applied`);
    const logs = await inSystem(t.lab, ['logs', WORKERS, '--tail=200']);
    assert.match(logs, /"level":(?:20|"debug")/);
    await waitFor(
      'the old pods to be gone',
      async () => ((await pods()).some((name) => old.includes(name)) ? undefined : true),
      { limitMs: 40_000 },
    );
    assert.deepEqual(await burst.links(), untouched);
    await burst.attached(LIMIT);
  });
});
