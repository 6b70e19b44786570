/** podwire's own processes, a real plugin and a real receiver: one change is one trace, over a retry and a node worker's death. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { findProgram } from '../../deploy/lab/commands.ts';
import { startPart, stopPart } from '../../deploy/lab/lab.ts';
import { partPid } from '../../deploy/lab/parts.ts';
import { failpointsFile, nodePart, startPodwirePart } from '../../deploy/lab/podwire.ts';
import { bridgeConfig, defineNetworks, waitStatus, wantNetworks } from '../lab/cni-networks.ts';
import { labTest, waitFor } from '../lab/harness.ts';
import type { ReceivedSpan } from '../workflows/otlp-receiver.ts';

const PORT = 4318;
const SETTINGS = { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${PORT}`, OTEL_BSP_SCHEDULE_DELAY: '100' };
const LIMIT = { limitMs: 30_000, everyMs: 100 };

describe('traces', () => {
  const t = labTest('traced', undefined, SETTINGS);
  const parts: string[] = [];
  const file = (): string => join(t.lab.dir, 'spans.json');

  before(async () => {
    rmSync(file(), { force: true });
    const start = async (name: string, netnsPath: string, program: string, args: string[]): Promise<void> => {
      parts.push(name);
      await startPart(t.lab, { name, netnsPath, file: program, args, env: {} });
    };
    const script = fileURLToPath(new URL('otlp-part.ts', import.meta.url));
    const run = ['--import', import.meta.resolve('tsx'), script, String(PORT), file()];
    await start('otlp', t.lab.controlNetnsPath, process.execPath, run);
    const [control = ''] = t.lab.temporal.inside.split(':');
    // Settings are the same for all parts, and so is the address.
    const words = [`TCP4-LISTEN:${PORT},bind=127.0.0.1,fork,reuseaddr`, `TCP4:${control}:${PORT}`];
    for (const { name, netnsPath } of t.lab.nodes)
      await start(`otlp-of-${name}`, netnsPath, findProgram('socat') ?? '/usr/bin/socat', words);
    await defineNetworks(t.lab, t.namespace, { net: bridgeConfig('net', 'br-traced', '10.93.0.0/24') });
  });
  after(async () => {
    for (const part of parts) await stopPart(t.lab, part);
    rmSync(file(), { force: true });
  });

  const received = (): ReceivedSpan[] =>
    existsSync(file())
      ? readFileSync(file(), 'utf8')
          .split('\n')
          .flatMap((line) => (line === '' ? [] : [JSON.parse(line) as ReceivedSpan]))
      : [];

  test('a change of an annotation is one trace into the plugin, over a retry and a worker that is killed', async () => {
    const [pod] = await t.createPods([{ name: 'web', node: t.node(0) }]);
    assert.ok(pod);
    const part = nodePart(t.node(0));
    const points = failpointsFile(t.lab, part);
    writeFileSync(
      points,
      JSON.stringify([
        { point: 'cniAdd:after-journal', action: 'fail', once: true },
        { point: 'cniAdd:after-plugins', action: 'kill', once: true },
      ]),
    );
    try {
      await wantNetworks(t.lab, pod, [{ name: 'net', interface: 'net1' }]);
      await waitFor('the worker to die', async () => (partPid(t.lab, part) === undefined ? true : undefined), LIMIT);
    } finally {
      rmSync(points, { force: true });
    }
    await startPodwirePart(t.lab, part, { env: SETTINGS });
    await waitStatus(t.lab, pod, ['net1 Attached']);
    const name = `${pod.namespace}/${pod.name}`;
    const spans = await waitFor(
      'the spans of the run',
      async () => {
        const all = received();
        const traces = new Set(
          all.flatMap(({ attributes, traceId }) => (attributes['podwire.pod'] === name ? [traceId] : [])),
        );
        const ofPod = all.filter(({ traceId }) => traces.has(traceId));
        return ofPod.some((span) => span.name === 'run podNetwork') ? ofPod : undefined;
      },
      LIMIT,
    );
    assert.equal(new Set(spans.map(({ traceId }) => traceId)).size, 1);
    const byId = new Map(spans.map((span) => [span.spanId, span]));
    const path = (span: ReceivedSpan | undefined): string[] =>
      span === undefined ? [] : [...path(byId.get(span.parentSpanId)), `${span.service} ${span.name}`];
    const run = [
      'podwire-watcher change',
      'podwire-watcher signal desiredChanged',
      'podwire-orchestrator run podNetwork',
    ];
    const tries = spans.filter((span) => span.name === 'cniAdd').sort((a, b) => a.startUs - b.startUs);
    for (const one of tries) assert.deepEqual(path(one), [...run, 'podwire-node cniAdd']);
    // That of the worker that was killed was never sent.
    assert.deepEqual([tries.at(0)?.error, tries.at(-1)?.error], ['KernelBusy', undefined]);
    const launched = spans.filter((span) => span.name === 'launch bridge ADD').at(-1);
    assert.equal(launched?.parentSpanId, tries.at(-1)?.spanId);
    const published = spans.filter((span) => ['settle', 'publishStatus'].includes(span.name));
    assert.ok(published.length > 0);
    for (const one of published) assert.deepEqual(path(one), [...run, `podwire-orchestrator ${one.name}`]);
    assert.ok(!JSON.stringify(spans).includes('br-traced'), 'a span has text of the configuration');
  });
});
