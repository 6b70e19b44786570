/** Marks and live reads are given by hand: the moments between two reads cannot be chosen on a real etcd. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ipCodec } from '../../../adapters/ip/ip-codec.ts';
import { createLogger } from '../../../adapters/log/logger.ts';
import type { PodView } from '../../../domain/pod/pod-view.ts';
import type { ConvergedRecord } from '../../../domain/records.ts';
import { DEFAULT_DIALECT_SETTINGS } from '../../../domain/settings.ts';
import type { ConvergedReader, PodName } from '../../../watcher/converged-reader.ts';
import { PodInputsReader } from '../../../watcher/pod-inputs.ts';
import { PodSignals } from '../../../watcher/pod-signals.ts';
import { RelistCheck } from '../../../watcher/relist-check.ts';
import { until } from '../../watcher/until.ts';

const inputs = new PodInputsReader(DEFAULT_DIALECT_SETTINGS, ipCodec, () => 'absent');
inputs.declare({ net: 'id=100' });

const view = (uid: string, networks: string | undefined, more: Partial<PodView> = {}): PodView => ({
  uid,
  namespace: 'default',
  name: uid,
  nodeName: 'n1',
  hostNetwork: false,
  phaseClass: 'counts',
  deleting: false,
  podIPs: ['10.0.0.1'],
  labels: networks === undefined ? {} : { 'vxlan.openvnf.org': '' },
  annotations: networks === undefined ? {} : { 'vxlan.openvnf.org/networks': networks },
  publishedStatus: undefined,
  ...more,
});

const convergedWith = (pod: PodView, inputsHash = inputs.read(pod).hash): ConvergedRecord => ({
  v: 1,
  namespace: pod.namespace,
  name: pod.name,
  node: pod.nodeName,
  inputsHash,
  sandboxId: 's',
});

interface World {
  readonly pods?: PodView[];
  readonly converged?: Map<string, ConvergedRecord>;
  readonly records?: Map<string, PodName>;
  readonly outdated?: Set<string>;
  readonly live?: Map<string, { uid: string }>;
  readonly listConverged?: ConvergedReader['listConverged'];
  readonly startsPerSecond?: number;
}

function checkOf(world: World) {
  const sent: string[] = [];
  const disturbing: string[] = [];
  const signals = new PodSignals({
    send: async ({ uid }, signal, { unlessInputs }) => {
      sent.push(`${signal} ${uid}`);
      if (unlessInputs === undefined) disturbing.push(uid);
    },
    onSent: () => undefined,
    onFailed: () => undefined,
  });
  const cache = new Map((world.pods ?? []).map((pod) => [pod.uid, pod]));
  const check = new RelistCheck({
    converged: {
      listConverged: world.listConverged ?? (async () => world.converged ?? new Map()),
      listPodsWithRecords: async () => world.records ?? new Map(),
      listOutdatedRefusals: async () => world.outdated ?? new Set(),
    },
    inputs,
    signals,
    views: () => cache.values(),
    cached: (uid) => cache.get(uid),
    getPod: async (namespace, name) => world.live?.get(`${namespace}/${name}`),
    log: createLogger('test', 'silent'),
    startsPerSecond: world.startsPerSecond ?? 10_000,
    backOff: { minMs: 1, maxMs: 2 },
  });
  return { check, signals, sent, disturbing, cache };
}

async function signalsOf(world: World): Promise<string[]> {
  const { check, signals, sent } = checkOf(world);
  check.request();
  await check.idle();
  await until('all sent', () => signals.pending === 0);
  return sent.sort();
}

test('only pods whose wishes have no equal mark are signalled', async () => {
  const done = view('done', 'net');
  const pods = [done, view('new', 'net'), view('wrong', 'net id=0'), view('edited', 'net'), view('plain', undefined)];
  const converged = new Map([
    ['done', convergedWith(done)],
    ['edited', convergedWith(done, 'of other inputs')],
  ]);
  assert.deepEqual(await signalsOf({ pods, converged }), [
    'desiredChanged edited',
    'desiredChanged new',
    'desiredChanged wrong',
  ]);
});

test('a pod that was refused a VNI which is free now is signalled, whatever its mark says and its run works on', async () => {
  const [woken, waiting, other] = [view('woken', 'net'), view('waiting', 'net'), view('other', 'net')];
  const converged = new Map([woken, waiting].map((pod) => [pod.uid, convergedWith(pod)]));
  const { check, signals, sent, disturbing } = checkOf({
    pods: [woken, waiting, other],
    converged,
    outdated: new Set(['woken']),
  });
  check.request();
  await check.idle();
  await until('all sent', () => signals.pending === 0);
  assert.deepEqual(sent.sort(), ['desiredChanged other', 'desiredChanged woken']);
  assert.deepEqual(disturbing, ['woken']);
});

test('a pod that lost its label, and one that ended, are signalled while etcd remembers them', async () => {
  const unlabelled = view('unlabelled', undefined);
  const ended = view('ended', 'net', { phaseClass: 'ended' });
  const records = new Map([
    ['unlabelled', unlabelled],
    ['ended', ended],
  ]);
  assert.deepEqual(await signalsOf({ pods: [unlabelled, ended], records }), [
    'desiredChanged ended',
    'desiredChanged unlabelled',
  ]);
  assert.deepEqual(await signalsOf({ pods: [unlabelled, ended] }), []);
});

test('the end of a pod that asks for nothing any more is told while etcd keeps a mark of it', async () => {
  const quiet = view('quiet', undefined);
  const { check, signals, sent } = checkOf({ pods: [quiet], converged: new Map([['quiet', convergedWith(quiet)]]) });
  check.request();
  await check.idle();
  assert.deepEqual(sent, []);
  signals.gone(quiet, false, 'pod deleted');
  await until('all sent', () => signals.pending === 0);
  assert.deepEqual(sent, ['podDeleted quiet']);
});

test('a pod that is on no node yet is not signalled', async () => {
  assert.deepEqual(await signalsOf({ pods: [view('w', 'net', { nodeName: '', phaseClass: 'waiting' })] }), []);
});

test('records of a pod are given up only after a live read says that it is gone or another one', async () => {
  const converged = new Map([['replaced', convergedWith(view('replaced', 'net'))]]);
  const records = new Map([
    ['gone', { namespace: 'default', name: 'gone' }],
    ['unseen', { namespace: 'default', name: 'unseen' }],
  ]);
  const live = new Map([
    ['default/unseen', { uid: 'unseen' }],
    ['default/replaced', { uid: 'successor' }],
  ]);
  assert.deepEqual(await signalsOf({ converged, records, live }), ['podDeleted gone', 'podDeleted replaced']);
});

test('while etcd is away the check is repeated and says why', async () => {
  let away = true;
  const listConverged = async () => {
    if (away) throw new Error('etcd is away');
    return new Map<string, ConvergedRecord>();
  };
  const { check, signals, sent } = checkOf({ pods: [view('new', 'net')], listConverged });
  check.request();
  await until('reported', () => check.problem === 'etcd is away');
  away = false;
  await check.idle();
  await until('sent', () => signals.pending === 0 && sent.length === 1);
  assert.equal(check.problem, undefined);
});

test('starts are paced', async () => {
  const pods = Array.from({ length: 11 }, (_, i) => view(`u${i}`, 'net'));
  const startedAt = performance.now();
  assert.equal((await signalsOf({ pods, startsPerSecond: 50 })).length, 11);
  assert.ok(performance.now() - startedAt >= 190);
});

test('a pod that went away while the check was waiting is not signalled', async () => {
  const { check, signals, sent, cache } = checkOf({ pods: [view('a', 'net'), view('b', 'net')], startsPerSecond: 5 });
  check.request();
  await until('the first is sent', () => sent.length === 1);
  cache.delete('b');
  await check.idle();
  await until('all sent', () => signals.pending === 0);
  assert.deepEqual(sent, ['desiredChanged a']);
});

test('a stop ends a check that is waiting', async () => {
  const pods = Array.from({ length: 100 }, (_, i) => view(`u${i}`, 'net'));
  const { check } = checkOf({ pods, startsPerSecond: 1 });
  check.request();
  await check.stop();
});
