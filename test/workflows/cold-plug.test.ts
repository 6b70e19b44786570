/** Networks of a pod before its containers start, and away before its network namespace is: what a node's CNI server asks of a run. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { createSandboxRuns } from '../../adapters/temporal/sandbox-runs.ts';
import type { NetworksTable } from '../../domain/messages.ts';
import type { SandboxRuns } from '../../domain/ports/sandbox-runs.ts';
import { DEFAULT_DIALECT_SETTINGS } from '../../domain/settings.ts';
import { startHarness, type Harness } from './harness.ts';
import { until, within } from './limits.ts';
import { sandboxOf } from './scripted-nodes.ts';
import type { TestPod } from './test-pod.ts';

const NEVER = new AbortController().signal;
const GENEROUS_MS = 60_000;

interface Starting {
  readonly pod: TestPod;
  /** The node's worker publishes a sandbox that is not Ready yet. */
  readonly announce: (sandboxId: string, address?: string) => Promise<void>;
  /** The sandbox is not published any more, as at the begin of its end. */
  readonly withdraw: () => Promise<void>;
  readonly awaits: (sandboxId: string, limitMs?: number) => Promise<NetworksTable>;
  readonly release: (sandboxId: string, limitMs?: number) => Promise<boolean>;
}

/** A pod on its node, whose sandbox is being made: it has no address, and nobody has signalled. */
async function starting(lab: Harness, annotation: string): Promise<Starting> {
  const runs: SandboxRuns = createSandboxRuns(lab.client);
  const pod = await lab.pod(annotation);
  const { uid, namespace, name } = pod;
  pod.change({ podIPs: [] });
  await lab.store.removeSandbox('n1', uid);
  const ofRun = { ...pod.identity, nodeName: 'n1' };
  return {
    pod,
    announce: (sandboxId, address = '10.1.0.5') =>
      lab.store.putSandbox('n1', { ...sandboxOf({ podUid: uid, namespace, name }, sandboxId), podIPs: [address] }),
    withdraw: () => lab.store.removeSandbox('n1', uid),
    awaits: (sandboxId, limitMs = GENEROUS_MS) => runs.awaitNetworks(ofRun, sandboxId, limitMs, NEVER),
    release: async (sandboxId, limitMs = GENEROUS_MS) =>
      (await runs.release(ofRun, sandboxId, limitMs, NEVER)).released,
  };
}

const rows = ({ networks }: NetworksTable): string[] => networks.map((row) => `${row.interfaceName} ${row.state}`);

describe('a pod whose sandbox is being made', { concurrency: true }, () => {
  let lab: Harness;
  before(async () => {
    lab = await startHarness();
  });
  after(() => lab.stop());

  const two = (): string => `red id=${lab.vni()}, blue id=${lab.vni()}`;

  it('has its networks before it has an address in the API, with the address that was announced, and its status with them', async () => {
    const { pod, announce, awaits } = await starting(lab, two());
    await announce('cold');
    const table = await awaits('cold');
    assert.deepEqual(rows(table), ['red attached', 'blue attached']);
    assert.ok(table.mayStart);
    assert.deepEqual(pod.steps, ['ensureVxlanLink red', 'ensureVxlanLink blue']);
    assert.deepEqual(pod.status, ['red Attached', 'blue Attached']);
    const records = await pod.records();
    assert.deepEqual(
      records.map((record) => (record.kind === 'vxlan' ? record.vtep : '')),
      ['10.1.0.5', '10.1.0.5'],
    );
    await pod.ended();
  });

  it('has them once, whatever the watcher signals before, meanwhile and afterwards', async () => {
    const { pod, announce, awaits } = await starting(lab, two());
    await pod.signal();
    await announce('cold');
    const waiting = awaits('cold');
    await pod.signal();
    assert.deepEqual(rows(await waiting), ['red attached', 'blue attached']);
    assert.deepEqual(rows(await awaits('cold')), ['red attached', 'blue attached']);
    pod.change({ podIPs: ['10.1.0.5', 'fd00::5'] });
    await lab.store.putSandbox('n1', {
      ...sandboxOf({ podUid: pod.uid, namespace: pod.namespace, name: pod.name }, 'cold'),
      podIPs: ['fd00::5', '10.1.0.5'],
    });
    await pod.converge();
    assert.equal(await pod.mark(), 'converged');
    assert.deepEqual(pod.steps, ['ensureVxlanLink red', 'ensureVxlanLink blue']);
  });

  it('has the networks of the sandbox that is being made while the API still tells the address of the last one', async () => {
    const { pod, announce, awaits } = await starting(lab, `red id=${lab.vni()}`);
    await announce('first', '10.1.0.5');
    await awaits('first');
    pod.change({ podIPs: ['10.1.0.5'] });
    await announce('second', '10.1.0.6');
    assert.deepEqual(rows(await awaits('second')), ['red attached']);
    assert.deepEqual(
      (await pod.records()).map((record) => `${record.sandboxId} ${record.kind === 'vxlan' ? record.vtep : ''}`),
      ['second 10.1.0.6'],
    );
  });

  it('is edited as any other afterwards', async () => {
    const red = `red id=${lab.vni()}`;
    const { pod, announce, awaits } = await starting(lab, red);
    await announce('cold');
    await awaits('cold');
    pod.change({ podIPs: ['10.1.0.5'] });
    await pod.annotate(`${red}, blue id=${lab.vni()}`);
    await pod.ended();
    assert.deepEqual(pod.steps, ['ensureVxlanLink red', 'ensureVxlanLink blue']);
  });

  it('may start without a network that is refused, and whoever waits is told why', async () => {
    const { pod, announce, awaits } = await starting(lab, two());
    await announce('cold');
    lab.nodes.script(`${pod.uid}/red`, 'ensureVxlanLink', () => 'LinkConflict');
    const table = await awaits('cold');
    assert.deepEqual(rows(table), ['red refused', 'blue attached']);
    assert.ok(table.mayStart);
    assert.notEqual(table.networks[0]?.reason, undefined);
  });

  it('is told what its networks wait for when the time is over, and gets them later', async () => {
    const { pod, announce, awaits } = await starting(lab, two());
    await announce('cold');
    let isThere = false;
    lab.nodes.script(`${pod.uid}/blue`, 'ensureVxlanLink', () => (isThere ? 'ok' : 'ParentMissing'));
    const table = await awaits('cold', 12_000);
    assert.deepEqual([rows(table), table.mayStart, table.isSettled], [['red attached', 'blue pending'], false, false]);
    assert.match(table.networks[1]?.reason ?? '', /ParentMissing/);
    isThere = true;
    assert.deepEqual(rows(await awaits('cold')), ['red attached', 'blue attached']);
  });

  it('of which nobody has published the sandbox is answered at once', async () => {
    const { awaits } = await starting(lab, two());
    const table = await within('an answer', awaits('cold'), 30_000);
    assert.deepEqual([table.mayStart, table.isSettled], [false, false]);
  });
});

describe('a pod whose sandbox is taken down', { concurrency: true }, () => {
  let lab: Harness;
  before(async () => {
    lab = await startHarness();
  });
  after(() => lab.stop());

  it('loses its networks in reverse order while it still lives, and gets them again in its next sandbox', async () => {
    const { pod, announce, awaits, withdraw, release } = await starting(lab, `b id=${lab.vni()}, a id=${lab.vni()}`);
    await announce('first');
    await awaits('first');
    pod.change({ podIPs: ['10.1.0.5'] });
    await withdraw();
    assert.equal(await release('first'), true);
    assert.deepEqual(pod.steps.slice(2), ['deleteVxlanLink a', 'deleteVxlanLink b']);
    assert.deepEqual(await pod.records(), []);
    await pod.ended();
    assert.equal(await pod.mark(), undefined);
    await announce('second', '10.1.0.6');
    assert.deepEqual(rows(await awaits('second')), ['b attached', 'a attached']);
    assert.deepEqual(
      (await pod.records()).map(({ sandboxId }) => sandboxId),
      ['second', 'second'],
    );
  });

  it('is not waited for by an attach that hangs in it', async () => {
    const { pod, announce, awaits, withdraw, release } = await starting(lab, `red id=${lab.vni()}`);
    await announce('cold');
    lab.nodes.script(pod.uid, 'ensureVxlanLink', () => 'hang');
    const waiting = awaits('cold', 20_000);
    await until('the attach hangs', () => pod.steps.length === 1);
    await withdraw();
    assert.equal(await release('cold'), true);
    assert.deepEqual(pod.steps, ['ensureVxlanLink red', 'deleteVxlanLink red']);
    assert.equal((await waiting).mayStart, false);
    assert.deepEqual(await pod.records(), []);
  });

  it('goes on losing them when the time of the one who waits is over', async () => {
    const { pod, announce, awaits, withdraw, release } = await starting(lab, `red id=${lab.vni()}`);
    await announce('cold');
    await awaits('cold');
    let isBusy = true;
    lab.nodes.script(pod.uid, 'deleteVxlanLink', () => (isBusy ? 'KernelBusy' : 'ok'));
    await withdraw();
    assert.equal(await release('cold', 8_000), false);
    isBusy = false;
    await pod.ended();
    assert.deepEqual(await pod.records(), []);
  });

  it('and is gone from the API has nothing left to wait for', async () => {
    const { pod, announce, awaits, withdraw, release } = await starting(lab, `red id=${lab.vni()}`);
    await announce('cold');
    await awaits('cold');
    await pod.remove();
    await withdraw();
    assert.equal(await release('cold'), true);
    await pod.ended();
    assert.deepEqual(pod.steps, ['ensureVxlanLink red', 'deleteVxlanLink red']);
  });
});

describe('where a refused network keeps a pod from starting', () => {
  const { agents } = DEFAULT_DIALECT_SETTINGS;
  let lab: Harness;
  before(async () => {
    lab = await startHarness(undefined, undefined, 'present', {
      ...DEFAULT_DIALECT_SETTINGS,
      agents: { ...agents, gateOnRefusal: 'shut' },
    });
  });
  after(() => lab.stop());

  it('it does not start, and whoever waits is told at once', async () => {
    const { pod, announce, awaits } = await starting(lab, `red id=${lab.vni()}`);
    await announce('cold');
    lab.nodes.script(pod.uid, 'ensureVxlanLink', () => 'LinkConflict');
    const table = await awaits('cold');
    assert.deepEqual([rows(table), table.mayStart, table.isSettled], [['red refused'], false, true]);
  });
});
