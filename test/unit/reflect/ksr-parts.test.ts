import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isAlive, overallState, type PartState } from '../../../domain/reflect/agent-status.ts';
import type { RecordKind } from '../../../domain/reflect/kinds.ts';
import { ReflectionLedger } from '../../../domain/reflect/statistics.ts';
import { partStates, type Observed } from '../../../workers/reflect/ksr-parts.ts';
import { statsRegistry } from '../../../workers/reflect/ksr-metrics.ts';
import { statsRecord } from '../../../workers/reflect/ksr-statistics.ts';

const WELL: Observed = {
  worker: { state: 'running' },
  etcd: undefined,
  temporal: undefined,
  watches: () => [{ synced: true, problem: undefined }],
  stalled: () => undefined,
  writes: () => ({ synced: true, blocked: undefined }),
};

test('all is OK only when every kind is listed and compared', () => {
  assert.equal(overallState(partStates(WELL)), 'ok');
  const parts = partStates({
    ...WELL,
    writes: (source) => ({ synced: source !== 'pod', blocked: undefined }),
  });
  assert.equal(overallState(parts), 'init');
  assert.equal(parts.find(({ name }) => name === 'ksr-pod')?.state, 'init');
});

test('a kind that may not be listed is in error with the reason; the others are OK, and the process is alive', () => {
  const problem = 'list services: the API answered 403';
  const parts = partStates({
    ...WELL,
    watches: (source) => [source === 'service' ? { synced: false, problem } : { synced: true, problem: undefined }],
  });
  assert.deepEqual(
    parts.filter(({ state }) => state !== 'ok'),
    [{ name: 'ksr-service', state: 'error', error: problem, restartHelps: false }],
  );
  assert.equal(isAlive(parts), true);
});

test('only a worker that failed for good makes a restart worth it', () => {
  assert.equal(isAlive(partStates({ ...WELL, etcd: 'away', temporal: 'away' })), true);
  assert.equal(isAlive(partStates({ ...WELL, worker: { state: 'failed', problem: 'x' } })), false);
});

test("the counters are KSR's, in etcd without the zeros, in Prometheus with them", async () => {
  const ledger = new ReflectionLedger<RecordKind>();
  ledger.count('policy', 'adds', 3);
  ledger.count('sfcPod', 'delErrors');
  const stats = statsRecord(ledger);
  assert.deepEqual(stats.policyStats, { Adds: 3 });
  assert.deepEqual(stats.sfcPodStats, { DelErrors: 1 });
  assert.deepEqual(stats.podStats, {});
  const text = await statsRegistry('contiv-ksr', ledger).metrics();
  assert.match(text, /^adds\{reflectorType="NetworkPolicy",node="contiv-ksr"\} 3$/m);
  assert.match(text, /^deleteErrors\{reflectorType="SfcPod",node="contiv-ksr"\} 1$/m);
  assert.match(text, /^resyncErrors\{reflectorType="Pod",node="contiv-ksr"\} 0$/m);
});

test('a slow read of some names makes the source unready until they are written, and not until everything is compared again', () => {
  const ledger = new ReflectionLedger<RecordKind>();
  const nodeState = (): PartState | undefined =>
    partStates({ ...WELL, writes: (source) => ledger.state(source) }).find(({ name }) => name === 'ksr-node');
  assert.equal(nodeState()?.state, 'init');
  ledger.succeeded('node', 'resync');
  ledger.failed('node', 'names', 'reading 1 objects took too long');
  assert.equal(nodeState()?.error, 'reading 1 objects took too long');
  ledger.succeeded('node', 'names');
  assert.equal(nodeState()?.state, 'ok');
});

test('a resync that fails says so until one succeeds, whatever is written of single names in between', () => {
  const ledger = new ReflectionLedger<RecordKind>();
  const nodeState = (): PartState | undefined =>
    partStates({ ...WELL, writes: (source) => ledger.state(source) }).find(({ name }) => name === 'ksr-node');
  ledger.succeeded('node', 'resync');
  ledger.failed('node', 'resync', 'etcd is away');
  ledger.succeeded('node', 'names');
  assert.deepEqual([nodeState()?.state, nodeState()?.error], ['error', 'etcd is away']);
  ledger.succeeded('node', 'resync');
  assert.equal(nodeState()?.state, 'ok');
});
