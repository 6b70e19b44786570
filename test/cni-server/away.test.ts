/** The executable while the node worker is away, hangs, or is somebody else. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createNetServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { promised, until } from '../workflows/limits.ts';
import { ask, begin, errorOf, RESULT, serve } from './served.ts';

const CODES = { ADD: 11, DEL: 11, CHECK: 11, GC: 11, STATUS: 50 };
const VALID = { 'cni.dev/valid-attachments': [] };

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'podwire-away-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function listening(t: TestContext, server: Server, path: string): Promise<void> {
  await new Promise<void>((resolve) => server.listen({ path }, resolve));
  t.after(() => server.close());
}

for (const [command, code] of Object.entries(CODES)) {
  test(`${command} without a socket is code ${code}, at once`, async (t) => {
    const socket = join(folderOf(t), 'cni.sock');
    const said = await ask(socket, { command, config: VALID });
    assert.deepEqual([said.code, said.stderr], [1, '']);
    assert.equal(errorOf(said).code, code);
    assert.equal(errorOf(said).msg, `podwire's node worker does not answer at ${socket}`);
    assert.ok(said.ms < promised(1_000), `${said.ms} ms`);
  });
}

test('what answers and is no node worker is as good as away', async (t) => {
  const folder = folderOf(t);
  const answers: readonly [string, string][] = [
    ['text', 'hello'],
    ['list', '[]'],
    ['half-an-error', '{"error":{"code":"7"}}'],
    ['no-result', '{}'],
    ['another-result', '{"result":[]}'],
  ];
  for (const [what, body] of answers) {
    const server = createServer((_, response) => response.end(body));
    await listening(t, server, join(folder, `${what}.sock`));
    const said = await ask(join(folder, `${what}.sock`));
    assert.deepEqual([said.code, errorOf(said).code], [1, 11], what);
  }
});

test('a node worker that ends in the middle of a call, and one that never answers, are away', async (t) => {
  const folder = folderOf(t);
  const ending = createNetServer((socket) => socket.once('data', () => socket.destroy()));
  await listening(t, ending, join(folder, 'ending.sock'));
  assert.equal(errorOf(await ask(join(folder, 'ending.sock'))).code, 11);
  const half = createNetServer((socket) =>
    socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"result":')),
  );
  await listening(t, half, join(folder, 'half.sock'));
  assert.equal(errorOf(await ask(join(folder, 'half.sock'))).code, 11);
  const silent = createNetServer(() => undefined);
  await listening(t, silent, join(folder, 'silent.sock'));
  const said = await ask(join(folder, 'silent.sock'), { config: { timeoutSeconds: 1 } });
  assert.deepEqual([said.code, errorOf(said).code, errorOf(said).details], [1, 11, 'no answer within 1 s']);
  assert.ok(said.ms < promised(1_500), `${said.ms} ms`);
});

test('a handler that hangs is told to stop, and the answer comes within the limit', async (t) => {
  let reason = '';
  const { socket, answers } = await serve(t, {
    add: (_, signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          reason = String(signal.reason);
          reject(signal.reason as Error);
        });
      }),
  });
  const said = await ask(socket, { config: { timeoutSeconds: 1 } });
  assert.deepEqual([said.code, errorOf(said).code], [1, 11]);
  assert.match(errorOf(said).msg, /^ADD was not done within 0\.\d s$/);
  assert.match(reason, /ADD was not done within/);
  assert.deepEqual(answers, [['ADD', 11]]);
});

test('a handler that does not even listen to its signal holds up no answer', async (t) => {
  const { socket } = await serve(t, { add: () => new Promise(() => undefined) });
  assert.equal(errorOf(await ask(socket, { config: { timeoutSeconds: 1 } })).code, 11);
});

test('a runtime that kills the executable stops the handler', async (t) => {
  let isStopped = false;
  const { socket, seen } = await serve(t, {
    add: (_, signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          isStopped = true;
          reject(signal.reason as Error);
        });
      }),
  });
  const call = await begin(socket);
  await until('the handler has begun', () => seen.length === 1);
  call.kill();
  assert.equal((await call.ended).stdout, '');
  await until('the handler is stopped', () => isStopped);
});

test('a node worker that is told to end answers what is under way, and then says "later"', async (t) => {
  let finish = (): void => undefined;
  const slow = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const { socket, server, seen } = await serve(t, {
    add: ({ containerId }) => (containerId === 'quick' ? slow.then(() => RESULT) : new Promise(() => undefined)),
  });
  const quick = await begin(socket, { container: 'quick' });
  const hanging = await begin(socket, { container: 'hanging' });
  await until('both have begun', () => seen.length === 2);
  const stopped = server.stop();
  assert.equal(errorOf(await ask(socket)).code, 11);
  finish();
  assert.equal((await quick.ended).code, 0);
  const late = errorOf(await hanging.ended);
  assert.deepEqual([late.code, late.msg], [11, 'the node worker is ending']);
  await stopped;
});

test("proxies that the container runtime was started with are nobody's way to the node worker", async (t) => {
  const { socket } = await serve(t);
  const proxy = 'http://127.0.0.1:1';
  const env = { HTTP_PROXY: proxy, http_proxy: proxy, ALL_PROXY: proxy, HTTPS_PROXY: proxy };
  const { code, stdout } = await ask(socket, { env });
  assert.deepEqual([code, JSON.parse(stdout)], [0, RESULT]);
});
