/**
 * Pods that come and go on the primary network for minutes, through whatever else fails meanwhile. After each phase the leases on the nodes' disks,
 * the runtime, the kernel and the API have to name the same pods, and no address may ever have been held by two.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { kubectl, partPid, restartPart, startPart, stopPart } from '../../deploy/lab/lab.ts';
import { partSpec } from '../../deploy/lab/parts.ts';
import { nodePart, startPodwirePart } from '../../deploy/lab/podwire.ts';
import { deletePods, waitFor } from '../lab/harness.ts';
import { allAgree, duplicates } from '../primary/node-truth.ts';
import { ownLab } from '../primary/own-lab.ts';
import { everythingOr } from './chosen-points.ts';

const OUTAGE_MS = everythingOr(60_000, 30_000);
/** Created together, half of them on each node; two cores start about four pods a second. */
const BATCH = 8;
/** The kubelet's own pace for a sandbox that failed is 1 to 2 s at first; what is beyond is a pod that was left waiting. */
const AGREE_MS = 120_000;

interface Churn {
  readonly started: number;
  readonly slowestMs: number;
  readonly twice: readonly string[];
}

describe('pods that come and go on the primary network', () => {
  const t = ownLab();
  let batches = 0;

  /** Batch after batch until it is over; each goes when the next one runs. */
  async function churn(isOver: () => boolean): Promise<Churn> {
    const twice = new Set<string>();
    let [started, slowestMs] = [0, 0];
    let last: string[] = [];
    const remove = (names: readonly string[]): Promise<void> =>
      deletePods(
        t.lab,
        names.map((name) => t.pod(name)),
      );
    do {
      const batch = Array.from({ length: BATCH }, (_, index) => `churn-${batches}-${index}`);
      batches += 1;
      const began = performance.now();
      await Promise.all([t.run(batch.map((name, index) => ({ name, node: t.node(index) }))), remove(last)]);
      slowestMs = Math.max(slowestMs, performance.now() - began);
      started += batch.length;
      last = batch;
      for (const address of duplicates(t.lab)) twice.add(address);
    } while (!isOver());
    await remove(last);
    return { started, slowestMs, twice: [...twice] };
  }

  const sound = async (context: { diagnostic(text: string): void }, what: string, done: Churn): Promise<void> => {
    context.diagnostic(`${what}: ${done.started} pods, the slowest batch ${Math.round(done.slowestMs)} ms`);
    assert.deepEqual(done.twice, []);
    await allAgree(t.lab, AGREE_MS);
  };

  for (const part of ['podwire-etcd', 'temporal']) {
    test(`start and end for a minute in which ${part} does not answer`, async (context) => {
      const pid = partPid(t.lab, part) ?? assert.fail(part);
      const until = performance.now() + OUTAGE_MS;
      process.kill(pid, 'SIGSTOP');
      let done: Churn;
      try {
        done = await churn(() => performance.now() > until);
      } finally {
        process.kill(pid, 'SIGCONT');
      }
      await sound(context, part, done);
    });
  }

  test('are all there after a minute without the API, in which some were to come and others to go', async (context) => {
    const [coming, going] = [
      Array.from({ length: BATCH }, (_, index) => `coming-${index}`),
      Array.from({ length: BATCH }, (_, index) => `going-${index}`),
    ];
    await t.run(going.map((name, index) => ({ name, node: t.node(index) })));
    await t.create(coming.map((name, index) => ({ name, node: t.node(index) })));
    await kubectl(t.lab, ['-n', t.namespace, 'delete', 'pod', '--wait=false', ...going]);
    const api = partSpec(t.lab, 'kube-apiserver') ?? assert.fail();
    await stopPart(t.lab, api.name, 'SIGKILL');
    await sleep(OUTAGE_MS);
    await startPart(t.lab, api);
    await waitFor('the API', () => kubectl(t.lab, ['get', '--raw', '/readyz']), { limitMs: 60_000, everyMs: 300 });
    // One that runs watches its pods again after up to two minutes.
    for (const node of t.lab.nodes) await restartPart(t.lab, `kubelet-${node.name}`);
    await t.run(coming.map((name, index) => ({ name, node: t.node(index) })));
    await deletePods(
      t.lab,
      coming.map((name) => t.pod(name)),
    );
    await sound(context, 'the API', await churn(() => true));
  });

  test('start while node workers are replaced one after the other, and kubelets as well', async (context) => {
    let isOver = false;
    const churning = churn(() => isOver);
    try {
      for (const node of t.lab.nodes) {
        await stopPart(t.lab, nodePart(node.name));
        await startPodwirePart(t.lab, nodePart(node.name));
        await sleep(3_000);
        await restartPart(t.lab, `kubelet-${node.name}`);
        await sleep(3_000);
      }
    } finally {
      isOver = true;
    }
    await sound(context, 'workers and kubelets', await churning);
  });

  test('have their network in whatever order everything is started again', async () => {
    const parts = [
      ...['podwire-etcd', 'temporal', 'kube-apiserver', 'podwire-orchestrator', 'podwire-watcher'],
      ...t.lab.nodes.flatMap(({ name }) => [`kubelet-${name}`, nodePart(name)]),
    ];
    for (const order of [
      parts,
      [...parts].reverse(),
      ...everythingOr(
        [3, 6].map((by) => rotated(parts, by)),
        [],
      ),
    ]) {
      const specs = order.map((name) => partSpec(t.lab, name) ?? assert.fail(name));
      for (const { name } of specs) await stopPart(t.lab, name);
      for (const spec of specs) await startPart(t.lab, spec);
      await waitFor('the API', () => kubectl(t.lab, ['get', '--raw', '/readyz']), { limitMs: 60_000, everyMs: 300 });
      const done = await churn(() => true);
      assert.deepEqual(done.twice, [], order.join());
      await allAgree(t.lab, AGREE_MS);
    }
  });
});

const rotated = <T>(all: readonly T[], by: number): T[] => [...all.slice(by), ...all.slice(0, by)];
