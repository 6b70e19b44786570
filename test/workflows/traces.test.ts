/** One trace for one change, from the watch event into a program that a node starts, and back to the pod's status (ADR 67). */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { createNodeActivities, type NodeSteps } from '../../activities/network/index.ts';
import { createLogger } from '../../adapters/log/logger.ts';
import { createLauncher } from '../../adapters/process/launcher.ts';
import { tracedRun } from '../../adapters/process/traced-run.ts';
import { signalPod } from '../../adapters/temporal/pod-starter.ts';
import { createTracing } from '../../adapters/tracing/create-tracing.ts';
import type { Tracing } from '../../adapters/tracing/tracing.ts';
import { DESIRED_CHANGED, nodeQueue, RETRY_NOW } from '../../domain/messages.ts';
import { ChangeTraces } from '../../watcher/change-traces.ts';
import { aroundSteps, traceSinks } from '../../workers/step-traces.ts';
import { workflowCode } from '../../workers/workflow-code.ts';
import { startHarness, type Harness } from './harness.ts';
import { until } from './limits.ts';
import { startOtlpReceiver, type OtlpReceiver, type ReceivedSpan } from './otlp-receiver.ts';
import type { TestPod } from './test-pod.ts';

const NODE = 'traced';
/** Steps that write the pod's status. */
const PUBLISHING = ['settle', 'publishStatus'];
const log = createLogger('test', 'silent');

describe('the trace of a change', () => {
  let lab: Harness;
  let receiver: OtlpReceiver;
  let parts: Record<'watcher' | 'orchestrator' | 'node', Tracing>;
  let endOrchestrator: () => Promise<void>;
  const launcher = createLauncher();
  const closing: (() => unknown)[] = [() => launcher.close()];
  /** What programs found in their environment. */
  const told: string[] = [];

  before(async () => {
    receiver = await startOtlpReceiver();
    process.env['OTEL_EXPORTER_OTLP_ENDPOINT'] = receiver.endpoint;
    process.env['OTEL_BSP_SCHEDULE_DELAY'] = '50';
    const tracing = (part: string): Promise<Tracing> => createTracing(part, '1', process.env, log);
    parts = {
      watcher: await tracing('watcher'),
      orchestrator: await tracing('orchestrator'),
      node: await tracing('node'),
    };
    lab = await startHarness(undefined, undefined, 'none');
    closing.push(() => lab.stop());
    endOrchestrator = await startOrchestrator();
    await lab.startTeam(nodeQueue(NODE), createNodeActivities(steps()), { interceptors: aroundSteps(parts.node, log) });
  });
  after(async () => {
    for (const close of closing.reverse()) await close();
    await Promise.all(Object.values(parts).map((each) => each.close()));
    await receiver.stop();
  });

  const startOrchestrator = (): Promise<() => Promise<void>> => {
    const code = workflowCode();
    return lab.startOrchestrator({
      ...code,
      interceptors: { ...code.interceptors, ...aroundSteps(parts.orchestrator, log) },
      sinks: traceSinks(parts.orchestrator),
      stickyQueueScheduleToStartTimeout: '1s',
    });
  };

  /** Steps that start a program, as CNI steps do. */
  function steps(): NodeSteps {
    const scripted = lab.nodes.steps(NODE);
    const run = tracedRun(launcher.run, parts.node);
    return {
      ...scripted,
      ensureVxlanLink: async (input, signal) => {
        const result = await scripted.ensureVxlanLink(input, signal);
        const env = { CNI_COMMAND: 'ADD', CNI_IFNAME: input.interfaceName };
        const { stdout } = await run({ file: '/usr/bin/env', args: [], env, timeoutMs: 10_000 });
        told.push(...stdout.split('\n').filter((line) => line.startsWith('TRACEPARENT=')));
        return result;
      },
    };
  }

  /** As the watcher tells of a change, of which the first try to signal fails so often. */
  async function change(pod: TestPod, failures = 0): Promise<void> {
    const traces = new ChangeTraces(parts.watcher);
    const why = { reason: 'changed', unlessInputs: undefined, since: performance.now() - 20 };
    const signalled = { ...pod.identity, nodeName: NODE };
    for (let left = failures; left > 0; left -= 1)
      await assert.rejects(
        traces.sending(signalled, DESIRED_CHANGED, why, () => Promise.reject(new Error('secret of somebody'))),
      );
    await traces.sending(signalled, DESIRED_CHANGED, why, async () => {
      await signalPod(lab.client, signalled, DESIRED_CHANGED, { reason: 'changed' });
    });
  }

  const spansOf = (pod: TestPod): ReceivedSpan[] => {
    const traces = new Set(
      receiver.spans.filter(({ attributes }) => attributes['podwire.podUid'] === pod.uid).map(({ traceId }) => traceId),
    );
    return receiver.spans.filter(({ traceId }) => traces.has(traceId));
  };
  const named = (spans: readonly ReceivedSpan[], name: string): ReceivedSpan[] =>
    spans.filter((span) => span.name === name).sort((a, b) => a.startUs - b.startUs);
  const ended = (pod: TestPod, runs = 1): Promise<void> =>
    until('the run is recorded', () => named(spansOf(pod), 'run podNetwork').length === runs);

  it('is one, with a span below the other, over a signal that failed, a retry, and another orchestrator', async () => {
    const pod = await lab.pod(`red id=${lab.vni()}`, NODE);
    lab.nodes.script(pod.uid, 'ensureVxlanLink', (call) => (call === 1 ? 'KernelBusy' : { after: 1_500 }));
    await change(pod, 1);
    await until(
      'the second try is under way',
      () => pod.calls.filter(({ step }) => step === 'ensureVxlanLink').length === 2,
    );
    await endOrchestrator();
    endOrchestrator = await startOrchestrator();
    await pod.ended();
    await ended(pod);
    const spans = spansOf(pod);
    assert.equal(new Set(spans.map(({ traceId }) => traceId)).size, 1);
    const byId = new Map(spans.map((span) => [span.spanId, span]));
    const path = (span: ReceivedSpan | undefined): string[] =>
      span === undefined ? [] : [...path(byId.get(span.parentSpanId)), `${span.service}: ${span.name}`];

    const signal = ['podwire-watcher: change', 'podwire-watcher: signal desiredChanged'];
    const run = [...signal, 'podwire-orchestrator: run podNetwork'];
    assert.deepEqual(
      named(spans, 'signal desiredChanged').map((span) => [path(span), span.error]),
      [
        [signal, 'Unexpected'],
        [signal, undefined],
      ],
    );
    assert.deepEqual(path(named(spans, 'run podNetwork')[0]), run);
    const step = [...run, 'podwire-node: ensureVxlanLink'];
    const tries = named(spans, 'ensureVxlanLink');
    assert.deepEqual(
      tries.map((span) => [path(span), span.error]),
      [
        [step, 'KernelBusy'],
        [step, undefined],
      ],
    );
    const [launched] = named(spans, 'launch env ADD');
    assert.ok(launched);
    assert.deepEqual(path(launched), [...step, 'podwire-node: launch env ADD']);
    assert.equal(launched.parentSpanId, tries[1]?.spanId);
    assert.deepEqual(told.splice(0), [`TRACEPARENT=00-${launched.traceId}-${launched.spanId}-01`]);
    const published = spans.filter(({ name }) => PUBLISHING.includes(name));
    assert.ok(published.length > 0, spans.map(({ name }) => name).join());
    for (const span of published) assert.deepEqual(path(span), [...run, `podwire-orchestrator: ${span.name}`]);
    for (const span of spans) assert.ok(!JSON.stringify(span).includes('secret'), JSON.stringify(span));
    assert.deepEqual(pod.status, ['red Attached']);
  });

  it('is another one for the next change of a run that goes on, and a retry by hand belongs to it', async () => {
    const pod = await lab.pod(`red id=${lab.vni()}`, NODE);
    let fails = true;
    lab.nodes.script(pod.uid, 'ensureVxlanLink', () => (fails ? 'KernelBusy' : 'ok'));
    await change(pod);
    await until('it fails', () => pod.calls.some(({ step }) => step === 'ensureVxlanLink'));
    await change(pod);
    await until('the first part of the run is recorded', () => named(spansOf(pod), 'run podNetwork').length === 1);
    fails = false;
    await signalPod(lab.client, pod.identity, RETRY_NOW, { reason: 'test' });
    await pod.ended();
    await ended(pod, 2);
    const spans = spansOf(pod);
    const [first, second] = named(spans, 'run podNetwork');
    assert.notEqual(first?.traceId, second?.traceId);
    assert.equal(named(spans, 'ensureVxlanLink').at(-1)?.parentSpanId, second?.spanId);
    const published = spans.filter(({ name, error }) => PUBLISHING.includes(name) && error === undefined);
    assert.equal(published.sort((a, b) => a.startUs - b.startUs).at(-1)?.traceId, second?.traceId);
    told.splice(0);
  });

  it('is none of what nobody traces, nor has such a program a variable of it', async () => {
    const pod = await lab.pod(`red id=${lab.vni()}`, NODE);
    await signalPod(lab.client, pod.identity, DESIRED_CHANGED, { reason: 'test' });
    await pod.ended();
    assert.deepEqual(told, []);
    assert.deepEqual(spansOf(pod), []);
  });
});
