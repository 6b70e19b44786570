/** What a pod's run does when something fails, hangs or is away, and how fast it acts on news meanwhile. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { DESIRED_CHANGED, RETRY_NOW } from '../../domain/messages.ts';
import { promised, until, untilAsked } from './limits.ts';
import { startHarness, type Harness } from './harness.ts';
import type { TestPod } from './test-pod.ts';

/** Within this many milliseconds news are acted on (ADR 33). */
const AT_ONCE = 1_000;

/** `PENDING_ACTIVITY_STATE_SCHEDULED` of Temporal's API: no attempt is under way. */
const SCHEDULED = 1;

/** Events at which the server suggests to continue as new. */
const FULL_HISTORY = 250;

const attempts = (pod: TestPod): number => pod.calls.filter(({ step }) => step === 'ensureVxlanLink').length;

describe('a step that fails', { concurrency: true }, () => {
  let lab: Harness;
  before(async () => {
    lab = await startHarness(FULL_HISTORY);
  });
  after(() => lab.stop());

  const failing = async (): Promise<TestPod> => {
    const pod = await lab.pod(`red id=${lab.vni()}`);
    lab.nodes.script(pod.uid, 'ensureVxlanLink', () => 'ParentMissing');
    return pod;
  };
  /** Fails once, so that the run waits between two attempts. */
  const backingOff = async (): Promise<TestPod> => {
    const pod = await failing();
    await pod.signal();
    await until('the second attempt failed', () => pod.calls[1]?.until !== undefined);
    return pod;
  };
  const stuck = async (): Promise<TestPod> => {
    const pod = await failing();
    await pod.signal();
    await pod.shows('Stuck');
    return pod;
  };

  it('is tried again until it succeeds', async () => {
    const pod = await failing();
    lab.nodes.script(pod.uid, 'ensureVxlanLink', (call) => (call <= 3 ? 'KernelBusy' : 'ok'));
    await pod.converge();
    assert.equal(await pod.state(), 'Converged');
    assert.deepEqual(pod.steps, Array<string>(4).fill('ensureVxlanLink red'));
    assert.deepEqual(pod.status, ['red Attached']);
  });

  it('five times is shown as stuck, with the cause and what to do, and stays open', async () => {
    const pod = await failing();
    await pod.signal();
    await until('four attempts', () => attempts(pod) === 4);
    assert.equal(await pod.state(), 'Converging');
    await pod.shows('Stuck');
    const { pendingActivities } = (await pod.describe()).raw;
    assert.equal(pendingActivities?.[0]?.activityId, 'ensure-link-red');
    const details = await pod.details();
    assert.match(details, /\*\*Stuck\*\* on node n1/);
    assert.match(details, /red \| ns-\w+\/red \| ensure-link \| ParentMissing: scripted ParentMissing/);
    assert.match(details, /retryNow/);
    assert.deepEqual(pod.status, ['red Failing']);
    assert.match(pod.events.join(), /NetworkAttachFailing: cannot attach red .*ParentMissing/);
    assert.equal((await pod.records())[0]?.phase, 'intent');
    assert.equal(await pod.mark(), undefined);
  });

  it('and is stuck tells of another cause as soon as its ten attempts are over, and of the same one no more', async () => {
    const pod = await lab.pod(`red id=${lab.vni()}`);
    lab.nodes.script(pod.uid, 'ensureVxlanLink', () => 'CniPluginMissing');
    await pod.signal();
    await pod.shows('Stuck');
    const published = (): number => lab.faults.count(pod.uid, 'publishStatus');
    await until('the first failure and that it is stuck are published', () => published() === 2);
    await pod.hurry('ensure-link-red');
    await until('the ten attempts are over', () => attempts(pod) > 15);
    lab.nodes.script(pod.uid, 'ensureVxlanLink', () => 'ParentMissing');
    await pod.hurry('ensure-link-red');
    await until('the new cause is published', () => pod.statusText.includes('ParentMissing'));
    assert.equal(published(), 3);
    assert.match(await pod.details(), /ParentMissing: scripted ParentMissing/);
    assert.match(pod.events.join(), /NetworkAttachFailing: cannot attach red .*ParentMissing/);
    const { failures } = await lab.records.pod(pod.uid, '');
    assert.deepEqual(
      failures.map(({ code }) => code),
      ['ParentMissing'],
    );
    assert.equal(await pod.state(), 'Stuck');
    lab.nodes.script(pod.uid, 'ensureVxlanLink', () => 'ok');
    await pod.signal(RETRY_NOW);
    await pod.ended(promised(AT_ONCE));
    assert.equal(await pod.state(), 'Converged');
  });

  it('and is stuck for weeks goes on in another run before its history is too long', async () => {
    const pod = await stuck();
    const { runId } = await pod.describe();
    const { inputsHash } = await lab.observe(pod);
    // A relist that sees the same inputs disturbs nobody, but is an event as well.
    for (let i = 0; i < FULL_HISTORY; i += 1) await pod.signal(DESIRED_CHANGED, { unlessInputs: inputsHash });
    assert.equal((await pod.describe()).runId, runId);
    await pod.hurry('ensure-link-red');
    await untilAsked('another run goes on', async () => (await pod.describe()).runId !== runId);
    await pod.shows('Stuck');
    assert.deepEqual(pod.status, ['red Failing']);
    lab.nodes.script(pod.uid, 'ensureVxlanLink', () => 'ok');
    await pod.signal(RETRY_NOW);
    await pod.ended(promised(AT_ONCE));
    assert.deepEqual(pod.links, ['red']);
  });

  it('and is stuck converges within a second of retryNow once the cause is gone', async () => {
    const pod = await stuck();
    lab.nodes.script(pod.uid, 'ensureVxlanLink', () => 'ok');
    await pod.signal(RETRY_NOW);
    await pod.ended(promised(AT_ONCE));
    assert.equal(await pod.state(), 'Converged');
    assert.deepEqual(pod.links, ['red']);
  });

  it('and is stuck converges within two seconds of a reset of its pending activity', async () => {
    const pod = await stuck();
    await until('the sixth attempt failed', () => pod.calls[5]?.until !== undefined);
    // Temporal hears of it a little later; an attempt that counts as under way when it is reset waits out the pause that follows.
    await untilAsked('Temporal waits for the next attempt', async () => {
      const [pending] = (await pod.describe()).raw.pendingActivities ?? [];
      return Number(pending?.state) === SCHEDULED;
    });
    lab.nodes.script(pod.uid, 'ensureVxlanLink', () => 'ok');
    await lab.client.workflowService.resetActivity({
      namespace: 'default',
      execution: { workflowId: pod.id },
      id: 'ensure-link-red',
    });
    await pod.ended(promised(2_000));
    assert.equal(await pod.state(), 'Converged');
    assert.deepEqual(pod.links, ['red']);
  });

  it('and is stuck gives way within a second to an edit that takes the network away', async () => {
    const pod = await stuck();
    await pod.annotate('');
    await pod.ended(promised(AT_ONCE));
    assert.deepEqual(await pod.records(), []);
    assert.equal(pod.steps.at(-1), 'deleteVxlanLink red');
  });

  it('gives way during a back-off to an edit within a second', async () => {
    const pod = await backingOff();
    lab.nodes.script(`${pod.uid}/blue`, 'ensureVxlanLink', () => 'ok');
    await pod.annotate(`blue id=${lab.vni()}`);
    await pod.ended(promised(AT_ONCE));
    assert.deepEqual(pod.links, ['blue']);
    assert.deepEqual(
      (await pod.records()).map(({ interfaceName }) => interfaceName),
      ['blue'],
    );
  });

  it('gives way during a back-off to retryNow within a second', async () => {
    const pod = await backingOff();
    lab.nodes.script(pod.uid, 'ensureVxlanLink', () => 'ok');
    await pod.signal(RETRY_NOW);
    await pod.ended(promised(AT_ONCE));
    assert.deepEqual(pod.links, ['red']);
  });

  it('gives way during a back-off to the end of its pod within a second and leaves no record', async () => {
    const pod = await backingOff();
    await pod.remove();
    await pod.ended(promised(AT_ONCE));
    assert.equal(pod.steps.at(-1), 'deleteVxlanLink red');
    assert.deepEqual(await pod.records(), []);
    assert.deepEqual(
      (await lab.etcd.list('/podwire/pod-nodes/')).entries.filter(({ key }) => key.includes(pod.uid)),
      [],
    );
  });

  it('is not disturbed by a relist that sees the same inputs', async () => {
    const pod = await backingOff();
    const rounds = lab.faults.count(pod.uid, 'observePod');
    const { inputsHash } = await lab.observe(pod);
    await pod.signal(DESIRED_CHANGED, { unlessInputs: inputsHash });
    lab.nodes.script(pod.uid, 'ensureVxlanLink', (call) => (call < 4 ? 'KernelBusy' : 'ok'));
    await pod.ended();
    assert.equal(lab.faults.count(pod.uid, 'observePod'), rounds);
  });

  it('that removes a link is retried too, and a gone pod changes nothing about it', async () => {
    const pod = await lab.pod(`red id=${lab.vni()}`);
    await pod.converge();
    lab.nodes.script(pod.uid, 'deleteVxlanLink', (call) => (call <= 2 ? 'CommandFailed' : 'ok'));
    await pod.remove();
    await until('the first removal failed', () => pod.steps.includes('deleteVxlanLink red'));
    await pod.signal();
    await pod.ended();
    assert.deepEqual(pod.links, []);
    assert.deepEqual(await pod.records(), []);
  });

  it('holds nobody: the second network is attached while the first one is retried', async () => {
    const pod = await lab.pod(`red id=${lab.vni()}, blue id=${lab.vni()}`);
    lab.nodes.script(`${pod.uid}/red`, 'ensureVxlanLink', (call) => (call <= 2 ? 'KernelBusy' : 'ok'));
    await pod.signal();
    await until('blue is there', () => pod.links.includes('blue'), promised(AT_ONCE));
    assert.ok(!pod.links.includes('red'));
    await until('the status says so', () => pod.status.join() === 'red Failing,blue Attached', promised(AT_ONCE));
    await pod.ended();
    assert.deepEqual(pod.links.sort(), ['blue', 'red']);
  });

  it('because its sandbox is busy just waits: tried each second, nothing is told, however long it takes', async () => {
    const pod = await lab.pod(`red id=${lab.vni()}`);
    lab.nodes.script(pod.uid, 'ensureVxlanLink', (call) => (call <= 8 ? 'SandboxBusy' : 'ok'));
    await pod.signal();
    await until('six attempts', () => attempts(pod) === 6);
    assert.equal(await pod.state(), 'Converging');
    assert.match(await pod.details(), /waits for its turn: scripted SandboxBusy/);
    await pod.ended();
    assert.deepEqual(pod.status, ['red Attached']);
    assert.doesNotMatch(pod.events.join(), /Failing/);
    const pauses = pod.calls.slice(2).map(({ at }, i) => at - (pod.calls[i + 1]?.at ?? 0));
    for (const pause of pauses) assert.ok(pause > 900 && pause < promised(1_500), `a pause of ${pause} ms`);
  });

  it('keeps its five attempts while it waits for its sandbox', async () => {
    const pod = await lab.pod(`red id=${lab.vni()}`);
    lab.nodes.script(pod.uid, 'ensureVxlanLink', (call) =>
      [1, 3, 4, 6].includes(call) ? 'SandboxBusy' : call <= 8 ? 'KernelBusy' : 'ok',
    );
    await pod.converge();
    assert.equal(attempts(pod), 9);
    assert.doesNotMatch(pod.events.join(), /SandboxBusy/);
    assert.equal(await pod.state(), 'Converged');
    const { events } = await pod.handle.fetchHistory();
    const summaries = (events ?? []).map(({ userMetadata }) => String(userMetadata?.summary?.data ?? ''));
    assert.doesNotMatch(summaries.join(), /Stuck/);
  });

  it('slowly holds a healthy network of its pod no longer than its own attempt, and is never taken for it', async () => {
    const pod = await lab.pod(`red id=${lab.vni()}, blue id=${lab.vni()}, green id=${lab.vni()}`);
    for (const name of ['red', 'blue'])
      lab.nodes.script(`${pod.uid}/${name}`, 'ensureVxlanLink', () => ({ after: 1_500, fails: 'ParentMissing' }));
    await pod.signal();
    await until('green is there', () => pod.links.includes('green'));
    const green = pod.calls.find(({ interfaceName }) => interfaceName === 'green');
    const before = pod.calls.filter(({ until: end = Infinity }) => end <= (green?.at ?? 0));
    const freeFor = (green?.at ?? 0) - Math.max(...before.map(({ until: end }) => end ?? 0));
    assert.ok(freeFor < promised(1_500), `the sandbox was free for ${freeFor} ms`);
    await until('the status says so', () => pod.status.includes('green Attached'), promised(AT_ONCE));
    await pod.shows('Stuck');
    assert.doesNotMatch(pod.events.join(), /SandboxBusy|cannot attach green/);
    assert.doesNotMatch(pod.statusText, /SandboxBusy/);
  });
});
