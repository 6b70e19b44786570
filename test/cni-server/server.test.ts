/** The server by itself: its socket, and requests that no executable of podwire's would send. */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, lstatSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { listenAtPath, SocketRefused } from '../../adapters/cni-server/listen.ts';
import { run } from '../../adapters/process/run.ts';
import { until } from '../workflows/limits.ts';
import { RESULT, serve } from './served.ts';

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'podwire-sock-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Opens a Unix socket and dies without taking it away. */
async function leaveSocket(path: string): Promise<void> {
  const script = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
  await run({ file: process.execPath, args: ['-e', script], timeoutMs: 10_000 });
  assert.ok(lstatSync(path).isSocket());
}

test('only root may open the socket, and nothing else is left in its folder', async (t) => {
  const path = join(folderOf(t), 'run/cni.sock');
  const server = createServer();
  const remove = await listenAtPath(server, path);
  assert.equal(lstatSync(path).mode & 0o777, 0o600);
  assert.deepEqual(readdirSync(join(path, '..')), ['cni.sock']);
  remove();
  assert.ok(!existsSync(path));
  server.close();
});

test('a folder that is a mount of its own, as in a pod, is enough', async (t) => {
  // A mount point on every Linux; a socket that is made elsewhere cannot be moved into it.
  const path = `/dev/shm/podwire-${process.pid}.sock`;
  const server = createServer();
  t.after(() => void server.close());
  const remove = await listenAtPath(server, path);
  assert.ok(lstatSync(path).isSocket());
  remove();
});

test('the socket of a process that died is replaced', async (t) => {
  const path = join(folderOf(t), 'cni.sock');
  await leaveSocket(path);
  const server = createServer();
  (await listenAtPath(server, path))();
  server.close();
});

test('a process that answers keeps its socket', async (t) => {
  const { socket } = await serve(t);
  await assert.rejects(listenAtPath(createServer(), socket), SocketRefused);
  assert.equal(
    (await post(socket, '/cni/v1/status', '{"config":{"cniVersion":"1.1.0","name":"a","type":"b"},"limitMs":1000}'))
      .status,
    200,
  );
});

test('what is no socket is left alone', async (t) => {
  const path = join(folderOf(t), 'cni.sock');
  writeFileSync(path, 'mine');
  await assert.rejects(listenAtPath(createServer(), path), /is no socket; remove it, or set another path/);
  assert.ok(existsSync(path));
});

test('a server that ends leaves the socket of its successor alone', async (t) => {
  const path = join(folderOf(t), 'cni.sock');
  const first = createServer();
  const remove = await listenAtPath(first, path);
  rmSync(path);
  const second = createServer();
  const removeSecond = await listenAtPath(second, path);
  remove();
  assert.ok(existsSync(path));
  removeSecond();
  for (const each of [first, second]) each.close();
});

test('a folder that cannot be written to is said at the start', async (t) => {
  const folder = folderOf(t);
  writeFileSync(join(folder, 'file'), '');
  chmodSync(folder, 0o755);
  await assert.rejects(listenAtPath(createServer(), join(folder, 'file/cni.sock')), /ENOTDIR|EEXIST/);
});

const CONFIG = { cniVersion: '1.1.0', name: 'cluster', type: 'podwire-cni' };
const CALL = {
  ...{ containerId: 'c1', netns: '/run/netns/a', ifName: 'eth0', config: CONFIG },
  pod: { namespace: 'shop', name: 'web', uid: 'u' },
};

const REFUSED: readonly [what: string, path: string, body: unknown, status: number, code: number, said: RegExp][] = [
  ['another path', '/cni/v1/version', {}, 404, 6, /is none of its requests/],
  ['no JSON', '/cni/v1/add', '{', 422, 6, /is no JSON/],
  ['an unknown key', '/cni/v1/add', { call: CALL, limitMs: 1, x: 1 }, 422, 6, /x/],
  ['no limit', '/cni/v1/add', { call: CALL }, 422, 6, /limitMs/],
  ['an hour', '/cni/v1/add', { call: CALL, limitMs: 3_600_000 }, 422, 6, /limitMs/],
  [
    'a container with a slash',
    '/cni/v1/del',
    { call: { ...CALL, containerId: 'a/b' }, limitMs: 1 },
    422,
    6,
    /call\.containerId: must be 1 to 128/,
  ],
  [
    'an ADD without netns',
    '/cni/v1/add',
    { call: { ...CALL, netns: undefined }, limitMs: 9 },
    422,
    6,
    /call\.netns is missing/,
  ],
  [
    'an ADD without pod',
    '/cni/v1/add',
    { call: { ...CALL, pod: { namespace: '', name: '' } }, limitMs: 9 },
    422,
    6,
    /call\.pod is empty/,
  ],
  [
    'another version',
    '/cni/v1/add',
    { call: { ...CALL, config: { ...CONFIG, cniVersion: '3' } }, limitMs: 9 },
    422,
    1,
    /cniVersion is "3"/,
  ],
  ['no name', '/cni/v1/status', { config: { cniVersion: '1.1.0', type: 'x' }, limitMs: 9 }, 422, 7, /name is missing/],
  ['GC without a list', '/cni/v1/gc', { config: CONFIG, limitMs: 9 }, 422, 6, /valid/],
];
for (const [what, path, body, status, code, said] of REFUSED) {
  test(`a request with ${what} is refused with ${status} and code ${code}`, async (t) => {
    const { socket, seen } = await serve(t);
    const answered = await post(socket, path, typeof body === 'string' ? body : JSON.stringify(body));
    const { error } = JSON.parse(answered.body) as { error: { code: number; msg: string } };
    assert.deepEqual([answered.status, error.code], [status, code], error.msg);
    assert.match(error.msg, said);
    assert.equal(seen.length, 0);
  });
}

test('a request that is too long is refused while it comes', async (t) => {
  const { socket, seen } = await serve(t);
  const { status } = await post(socket, '/cni/v1/add', 'x'.repeat(2 * 1024 * 1024));
  assert.deepEqual([status, seen.length], [413, 0]);
});

test('another method is refused', async (t) => {
  const { socket } = await serve(t);
  assert.equal((await post(socket, '/cni/v1/add', '', 'GET')).status, 405);
});

test('more calls than may wait are told to come again', async (t) => {
  let finish = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const { socket, server } = await serve(t, { add: () => opened.then(() => RESULT) });
  const body = (i: number): string => JSON.stringify({ call: { ...CALL, containerId: `c${i}` }, limitMs: 60_000 });
  const calls = Array.from({ length: 8 + 512 }, (_, i) => post(socket, '/cni/v1/add', body(i)));
  await until('the queue is full', () => server.counts.waiting === 512);
  const late = await post(socket, '/cni/v1/add', body(9_999));
  const { error } = JSON.parse(late.body) as { error: { code: number; msg: string } };
  assert.equal(error.code, 11);
  assert.match(error.msg, /512 calls wait already/);
  finish();
  assert.ok((await Promise.all(calls)).every(({ status }) => status === 200));
});

interface Answered {
  readonly status: number;
  readonly body: string;
}

function post(socketPath: string, path: string, body: string, method = 'POST'): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const asking = request({ socketPath, path, method, agent: false }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(parts).toString() }));
    });
    let isAnswered = false;
    asking.once('response', () => (isAnswered = true));
    // The end of the connection may be seen before the whole request is out.
    asking.once('error', (error) => (isAnswered ? undefined : reject(error)));
    asking.end(body);
  });
}
