/** Whether traces are recorded, by OpenTelemetry's variables; and that it costs nothing where they are not. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { run } from '../../../adapters/process/run.ts';
import { tracedRun } from '../../../adapters/process/traced-run.ts';
import type { RunOptions } from '../../../adapters/process/child.ts';
import { tracesWanted } from '../../../adapters/tracing/create-tracing.ts';
import { NO_TRACING, withinTrace } from '../../../adapters/tracing/tracing.ts';

const ENDPOINT = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' };

describe('traces', () => {
  it('are off unless somebody says where they go to', () => {
    assert.deepEqual(tracesWanted({}), { on: false });
    assert.deepEqual(tracesWanted({ OTEL_EXPORTER_OTLP_ENDPOINT: '' }), { on: false });
    assert.deepEqual(tracesWanted(ENDPOINT), { on: true });
    assert.deepEqual(tracesWanted({ OTEL_TRACES_EXPORTER: 'otlp' }), { on: true });
    assert.deepEqual(tracesWanted({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://c/v1/traces' }), { on: true });
  });

  it('are off where somebody says so', () => {
    assert.deepEqual(tracesWanted({ ...ENDPOINT, OTEL_TRACES_EXPORTER: 'none' }), { on: false });
    assert.deepEqual(tracesWanted({ ...ENDPOINT, OTEL_SDK_DISABLED: 'true' }), { on: false });
  });

  it('are off, and why is told, where somebody wants what there is not', () => {
    assert.deepEqual(tracesWanted({ ...ENDPOINT, OTEL_TRACES_EXPORTER: 'zipkin' }), {
      on: false,
      why: 'OTEL_TRACES_EXPORTER is "zipkin"; allowed: otlp, none',
    });
    assert.deepEqual(tracesWanted({ ...ENDPOINT, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }), {
      on: false,
      why: 'OTEL_EXPORTER_OTLP_PROTOCOL is "grpc"; allowed: http/protobuf',
    });
  });

  it('load no package of OpenTelemetry while they are off', async () => {
    const module = JSON.stringify(new URL('../../../adapters/tracing/create-tracing.ts', import.meta.url).href);
    // prom-client brings the API, which is empty by itself.
    const script = `
      import { createRequire } from 'node:module';
      const { createTracing } = await import(${module});
      const tracing = await createTracing('node', '1', process.env, { warn() {} });
      const loaded = Object.keys(createRequire(import.meta.url).cache).filter((path) => path.includes('@opentelemetry'));
      console.log(JSON.stringify([tracing.isOn, loaded.length > 0]));
    `;
    const args = ['--import', import.meta.resolve('tsx'), '--input-type=module', '--eval', script];
    const answers = async (env: Record<string, string>): Promise<unknown> => {
      const { stdout, stderr } = await run({ file: process.execPath, args, env, timeoutMs: 20_000 });
      return stdout === '' ? stderr : JSON.parse(stdout);
    };
    assert.deepEqual(await Promise.all([answers({}), answers(ENDPOINT)]), [
      [false, false],
      [true, true],
    ]);
  });

  it('while they are off, leave the environment of programs alone', async () => {
    const seen: RunOptions[] = [];
    const launch = tracedRun((options) => {
      seen.push(options);
      return run({ ...options, file: '/bin/true' });
    }, NO_TRACING);
    const options = { file: '/opt/cni/bin/bridge', args: [], env: { CNI_COMMAND: 'ADD' }, timeoutMs: 5_000 };
    const place = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), sampled: true };
    await withinTrace(place, () => launch(options));
    assert.deepEqual(seen, [options]);
  });
});
