/** The list-and-watch loop against a loopback API that shows faults on demand (see fake-api.ts for why it is not a real one). */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { createKubeClient, type KubeClient } from '../../adapters/kubernetes/client.ts';
import { ListWatch, type ListWatchTimings } from '../../adapters/kubernetes/list-watch.ts';
import { getPod } from '../../adapters/kubernetes/pods.ts';
import { podKeys, podView } from '../../adapters/kubernetes/pod-view.ts';
import { PodwireError } from '../../domain/failures.ts';
import type { PodView } from '../../domain/pod/pod-view.ts';
import { DEFAULT_DIALECT_SETTINGS } from '../../domain/settings.ts';
import { FakeApi, sendJson } from './fake-api.ts';
import { until } from './until.ts';

const keys = podKeys(DEFAULT_DIALECT_SETTINGS);
const FAST: ListWatchTimings = {
  relistMs: 600_000,
  stallMs: 5_000,
  backOff: { minMs: 10, maxMs: 100 },
  secondLookMs: 20,
  unknownMs: 20,
};

let api: FakeApi;
let client: KubeClient;
let running: { stop: () => Promise<void> }[];

beforeEach(async () => {
  api = new FakeApi();
  await api.start();
  client = createKubeClient({ kubeconfig: api.kubeconfig() });
  running = [];
});

afterEach(async () => {
  for (const part of running) await part.stop();
  client.close();
  await api.stop();
  api.remove();
});

function watchPods(timings: Partial<ListWatchTimings> = {}, onChange?: () => void) {
  const told: string[] = [];
  const relists: string[] = [];
  const counts = { misses: 0, failures: 0, consumerErrors: 0, synced: 0 };
  const watch = new ListWatch<PodView>({
    client,
    path: '/api/v1/pods',
    map: (object) => podView(object, keys),
    onChange: (change) => {
      told.push(`${change.type} ${change.view.uid}`);
      onChange?.();
    },
    onSynced: () => {
      counts.synced += 1;
    },
    observer: {
      event: () => undefined,
      relist: (reason) => relists.push(reason),
      cacheMiss: () => {
        counts.misses += 1;
      },
      failure: () => {
        counts.failures += 1;
      },
      consumerError: () => {
        counts.consumerErrors += 1;
      },
    },
    timings: { ...FAST, ...timings },
  });
  running.push(watch);
  watch.start();
  return { watch, told, relists, counts, uids: () => [...watch.views()].map(({ uid }) => uid).sort() };
}

const watching = () => until('a watch is open', () => api.watches() > 0);

test('what exists is listed, what happens is told', async () => {
  api.put('u1', 'a');
  const { told } = watchPods();
  await watching();
  api.put('u1', 'a', 'net');
  api.put('u2', 'b');
  api.delete('u1');
  await until('four changes', () => told.length === 4);
  assert.deepEqual(told, ['added u1', 'changed u1', 'added u2', 'deleted u1']);
});

test('a long list comes in pages of 500', async () => {
  for (let i = 0; i < 1_201; i += 1) api.put(`u${i}`, `p${i}`);
  const { watch } = watchPods();
  await until('all known', () => watch.state().synced);
  assert.equal(watch.state().size, 1_201);
  assert.equal(api.requests.filter(({ query }) => query.get('limit') === '500').length, 3);
});

test('a stream that falls silent is resumed where it was, without a new list', async () => {
  const { told, relists } = watchPods({ stallMs: 200 });
  await watching();
  api.put('u1', 'a');
  await until('told', () => told.length === 1);
  api.silence();
  api.put('u2', 'b');
  await until('told after the stall', () => told.length === 2);
  assert.deepEqual(told, ['added u1', 'added u2']);
  assert.deepEqual(relists, ['start']);
});

test('410 in mid-stream leads to a list that repeats nothing', async () => {
  api.put('u1', 'a');
  const { told, relists } = watchPods();
  await watching();
  api.silence();
  api.put('u2', 'b');
  api.compact();
  api.raw('{"type":"ERROR","object":{"kind":"Status","code":410,"message":"too old resource version"}}\n');
  await until('found by the list', () => told.length === 2);
  assert.deepEqual(told, ['added u1', 'added u2']);
  assert.deepEqual(relists, ['start', 'expired']);
});

test('410 on connecting leads to a list as well', async () => {
  const { told, relists } = watchPods();
  await watching();
  api.silence();
  api.put('u1', 'a');
  api.compact();
  api.cut();
  await until('found by the list', () => told.length === 1);
  assert.deepEqual(relists, ['start', 'expired']);
});

for (const [what, text] of [
  ['a line that is no JSON', '{"type":"MODIFIED","object":{"metada\n'],
  ['an event without an object', '{"type":"ADDED"}\n'],
  ['an unknown event', '{"type":"RENAMED","object":{}}\n'],
] as const) {
  test(`${what} leads to a list that finds what was lost`, async () => {
    const { told, relists } = watchPods();
    await watching();
    api.silence();
    api.put('u1', 'a');
    api.raw(text);
    await until('found by the list', () => told.length === 1);
    assert.deepEqual(relists, ['start', 'invalid']);
  });
}

test('a stream that ends within a line leads to a list', async () => {
  const { told, relists } = watchPods();
  await watching();
  api.silence();
  api.put('u1', 'a');
  api.raw('{"type":"ADDED","object":{"metad');
  api.endStreams();
  await until('found by the list', () => told.length === 1);
  assert.deepEqual(relists, ['start', 'invalid']);
});

test('a line beyond eight megabytes is not kept in memory', async () => {
  const { relists } = watchPods();
  await watching();
  api.raw('x'.repeat(9 * 1024 * 1024));
  await until('listed anew', () => relists.length === 2);
  assert.deepEqual(relists, ['start', 'invalid']);
});

test('a pod deleted and made anew under its name while nobody watched is a deletion and an addition', async () => {
  api.put('old', 'a');
  const { told, watch } = watchPods();
  await watching();
  api.silence();
  api.delete('old');
  api.put('new', 'a');
  api.compact();
  api.cut();
  await until('both told', () => told.length === 3);
  assert.deepEqual(told, ['added old', 'deleted old', 'added new']);
  assert.deepEqual(
    [...watch.views()].map(({ uid }) => uid),
    ['new'],
  );
});

test('a new UID that is seen only as a modification is a deletion and an addition', async () => {
  api.put('old', 'a');
  const { told } = watchPods();
  await watching();
  api.put('new', 'a', undefined, 'MODIFIED');
  await until('both told', () => told.length === 3);
  assert.deepEqual(told, ['added old', 'deleted old', 'added new']);
});

test('an API that is away keeps the cache, and the watch goes on where it was', async () => {
  api.put('u1', 'a');
  const { told, relists, uids, counts } = watchPods();
  await watching();
  await api.stop();
  await until('noticed', () => counts.failures >= 3);
  assert.deepEqual(uids(), ['u1']);
  api.put('u2', 'b');
  await api.start();
  await until('told after the return', () => told.length === 2);
  assert.deepEqual(relists, ['start']);
});

test('429 is waited out for as long as the API says', async () => {
  api.listFaults.push((response) => {
    sendJson(response, 429, { kind: 'Status', code: 429 }, { 'retry-after': '1' });
  });
  const startedAt = performance.now();
  const { watch } = watchPods();
  await until('synced', () => watch.state().synced);
  assert.ok(performance.now() - startedAt >= 1_000);
});

test('an empty list alone deletes nothing', async () => {
  api.put('u1', 'a');
  const { told, relists } = watchPods();
  await watching();
  api.compact();
  api.listFaults.push((response) => {
    sendJson(response, 200, { kind: 'List', metadata: { resourceVersion: '200' }, items: [] });
  });
  api.cut();
  await until('listed anew and watching', () => relists.length === 2 && api.watches() > 0);
  assert.deepEqual(told, ['added u1']);
});

test('a list that fails deletes nothing', async () => {
  api.put('u1', 'a');
  const { told, relists } = watchPods();
  await watching();
  api.compact();
  api.listFaults.push(
    (response) => {
      sendJson(response, 503, { kind: 'Status' });
    },
    (response) => response.writeHead(200).end('{"kind":"List","items":['),
    (response) => {
      sendJson(response, 200, { kind: 'Status' });
    },
  );
  api.cut();
  await until('listed anew', () => relists.length === 2 && api.watches() > 0);
  assert.deepEqual(told, ['added u1']);
});

test('a deletion that the watch never told is found by the periodic list', async () => {
  api.put('u1', 'a');
  const { told } = watchPods({ relistMs: 200 });
  await watching();
  api.forgetQuietly('u1');
  await until('found', () => told.includes('deleted u1'));
});

test('a consumer that throws is reported and hears the next change', async () => {
  const { told, counts } = watchPods({}, () => {
    throw new Error('consumer is broken');
  });
  await watching();
  api.put('u1', 'a');
  api.put('u2', 'b');
  await until('both told', () => told.length === 2);
  assert.equal(counts.consumerErrors, 2);
});

test('objects that are no pods are left out', async () => {
  const { told } = watchPods();
  await watching();
  api.raw('{"type":"ADDED","object":{"metadata":{"resourceVersion":"150"}}}\n');
  api.put('u1', 'a');
  await until('the pod is told', () => told.length === 1);
});

test('repeated reads share one connection', async () => {
  api.mute = false;
  api.listFaults.push(
    ...Array.from({ length: 20 }, () => (response: Parameters<typeof sendJson>[0]) => {
      sendJson(response, 404, { kind: 'Status' });
    }),
  );
  for (let i = 0; i < 20; i += 1) assert.equal(await getPod(client, keys, 'default', 'none'), undefined);
  assert.equal(api.connections, 1);
});

test('a read that gets no answer ends at its deadline', async () => {
  api.mute = true;
  const hasty = createKubeClient({ kubeconfig: api.kubeconfig(), deadlineMs: 100 });
  const startedAt = performance.now();
  await assert.rejects(
    getPod(hasty, keys, 'default', 'a'),
    (error) => error instanceof PodwireError && error.code === 'ApiUnavailable' && /within 100 ms/.test(error.message),
  );
  assert.ok(performance.now() - startedAt < 1_000);
  hasty.close();
});
