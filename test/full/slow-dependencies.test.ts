/** Half a second before each answer of etcd and of the API: no call fails, several of them add up, and podwire still does its work. */
import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startPart, stopPart } from '../../deploy/lab/lab.ts';
import { nodePart, ORCHESTRATOR_PART, startPodwirePart, stopPodwire, WATCHER_PART } from '../../deploy/lab/podwire.ts';
import { PodPatcher } from '../faults/pod-patcher.ts';
import { ensurePodwire, labTest, waitFor, waitLink } from '../lab/harness.ts';
import { exactlyOne, nothingLeaked, statusTruth } from '../lab/invariants.ts';

const DELAY_MS = 500;
const PODS = 6;
const LIMIT_MS = 60_000;
/** Ports of the control plane's namespace that nothing else has. */
const FRONTS = { etcd: 24_901, api: 24_902 };

describe('half a second before each answer of etcd and the API', () => {
  const context = labTest('slow');
  let patcher: PodPatcher;
  const kubeconfig = (): string => join(context.lab.dir, 'slow-kubeconfig');

  before(async () => {
    const { lab } = context;
    patcher = new PodPatcher(lab);
    const own = readFileSync(lab.kubeconfigs.orchestrator, 'utf8');
    const [, host, apiPort] = /https:\/\/([^:"\s/]+):(\d+)/.exec(own) ?? [];
    assert.ok(host !== undefined && apiPort !== undefined, 'the address of the API in the kubeconfig');
    writeFileSync(kubeconfig(), own.replace(`${host}:${apiPort}`, `${host}:${FRONTS.api}`), { mode: 0o600 });
    const targets = { etcd: lab.etcd.inside.replace(/^.*\/\//, ''), api: `${host}:${apiPort}` };
    for (const name of ['etcd', 'api'] as const)
      await startPart(lab, {
        name: `slow-${name}`,
        netnsPath: lab.controlNetnsPath,
        file: process.execPath,
        args: [
          ...['--import', import.meta.resolve('tsx'), fileURLToPath(new URL('./slow-front.ts', import.meta.url))],
          ...[`${host}:${FRONTS[name]}`, targets[name], String(DELAY_MS)],
        ],
        env: {},
      });
    const etcd = { PODWIRE_ETCD_ENDPOINTS: `${host}:${FRONTS.etcd}` };
    await stopPodwire(lab);
    await startPodwirePart(lab, ORCHESTRATOR_PART, { env: { ...etcd, PODWIRE_KUBECONFIG: kubeconfig() } });
    for (const part of [WATCHER_PART, ...lab.nodes.map(({ name }) => nodePart(name))])
      await startPodwirePart(lab, part, { env: etcd });
  });
  after(async () => {
    const { lab } = context;
    await ensurePodwire(lab);
    for (const name of ['slow-etcd', 'slow-api']) await stopPart(lab, name);
    rmSync(kubeconfig(), { force: true });
    patcher.close();
  });

  test('pods get their networks, their status, and lose them again', async (t) => {
    const { lab } = context;
    const pods = await context.createPods(
      Array.from({ length: PODS }, (_, index) => ({ name: `pod${index}`, node: context.node(index) })),
    );
    const began = performance.now();
    await Promise.all(pods.map((pod, index) => patcher.ask(pod, `slowed id=4810 ip=10.88.1.${index + 1}/24 up=true`)));
    await Promise.all(pods.map((pod) => waitLink(lab, pod, 'slowed', (link) => link !== undefined, LIMIT_MS)));
    t.diagnostic(`all links after ${((performance.now() - began) / 1000).toFixed(1)} s`);
    await exactlyOne(lab, pods);
    await waitFor('the status', () => statusTruth(lab, pods).then(() => true), { limitMs: LIMIT_MS });
    await Promise.all(pods.map((pod) => patcher.ask(pod, '')));
    await Promise.all(pods.map((pod) => waitLink(lab, pod, 'slowed', (link) => link === undefined, LIMIT_MS)));
    await waitFor('nothing to be left', () => nothingLeaked(lab).then(() => true), { limitMs: 2 * LIMIT_MS });
  });
});
