/**
 * A container runtime that is restarted: a gRPC server whose socket is made anew, with another inode, in the same folder. It is a stand-in
 * for containerd, which the lab's tests restart; here the time until it is used again is what counts.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { loadPackageDefinition, Server, ServerCredentials, type ServiceDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { createCriClient } from '../../../adapters/cri/client.ts';
import { observeRuntime } from '../../../adapters/cri/runtime-health.ts';
import { createSandboxRuntime } from '../../../adapters/cri/sandbox-runtime.ts';
import { DEFAULT_DIALECT_SETTINGS } from '../../../domain/settings.ts';
import { until } from '../../workflows/limits.ts';

const PROTO = fileURLToPath(new URL('../../../adapters/cri/cri.proto', import.meta.url));

/** @param sandboxes what it has; `silent`: it never answers */
async function startRuntime(socket: string, sandboxes: readonly object[] | 'silent' = []): Promise<Server> {
  const { runtime } = loadPackageDefinition(loadSync(PROTO, { keepCase: true, defaults: true })) as unknown as {
    runtime: { v1: { RuntimeService: { service: ServiceDefinition } } };
  };
  const server = new Server();
  server.addService(runtime.v1.RuntimeService.service, {
    ListPodSandbox: (_call: unknown, done: (error: null, answer: object) => void) => {
      if (sandboxes !== 'silent') done(null, { items: sandboxes });
    },
  });
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`unix://${socket}`, ServerCredentials.createInsecure(), (error) =>
      error === null ? resolve() : reject(error),
    );
  });
  return server;
}

test('a runtime that is away for long is named, and one that comes back under a new socket is used within two seconds', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'podwire-cri-'));
  const socket = join(folder, 'containerd.sock');
  const cri = createCriClient(socket);
  const runtime = observeRuntime(createSandboxRuntime(cri, DEFAULT_DIALECT_SETTINGS));
  const ask = (): Promise<boolean> =>
    runtime.listReady().then(
      () => true,
      () => false,
    );
  const askUntil = async (limitMs: number, wanted: () => boolean): Promise<number> => {
    const startedAt = performance.now();
    while (!wanted()) {
      if (performance.now() - startedAt > limitMs)
        assert.fail(`not within ${limitMs} ms: ${runtime.problems().join()}`);
      await ask();
      await sleep(50);
    }
    return performance.now() - startedAt;
  };
  let server: Server | undefined;
  try {
    assert.deepEqual(runtime.problems(), ['the container runtime has not answered yet']);
    await ask();
    assert.match(runtime.problems().join(), /container runtime at .*containerd.sock: ListPodSandbox failed/);
    server = await startRuntime(socket);
    await askUntil(2_000, () => runtime.problems().length === 0);
    const before = statSync(socket).ino;
    for (let restart = 0; restart < 2; restart += 1) {
      server.forceShutdown();
      rmSync(socket, { force: true });
      // Takes the number of the inode that has become free.
      writeFileSync(join(folder, `restart-${restart}`), '');
      assert.equal(await ask(), false);
      assert.deepEqual(runtime.problems(), [], 'one failure is not the end');
      // Long enough for the pauses between attempts to have grown as far as they do.
      await askUntil(6_000, () => runtime.problems().length > 0);
      assert.match(runtime.problems().join(), /UNAVAILABLE|DEADLINE_EXCEEDED/);
      server = await startRuntime(socket);
      assert.notEqual(statSync(socket).ino, before);
      await askUntil(2_000, () => runtime.problems().length === 0);
    }
  } finally {
    server?.forceShutdown();
    cri.close();
    rmSync(folder, { recursive: true, force: true });
  }
});

test('the end of a runtime is told at once', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'podwire-cri-'));
  const socket = join(folder, 'containerd.sock');
  let server = await startRuntime(socket);
  const cri = createCriClient(socket);
  let lost = 0;
  cri.onLost(() => (lost += 1));
  const runtime = createSandboxRuntime(cri, DEFAULT_DIALECT_SETTINGS);
  try {
    for (let life = 1; life <= 2; life += 1) {
      await runtime.listReady();
      assert.equal(lost, life - 1);
      server.forceShutdown();
      await until('its end to be told', () => lost === life, 2_000);
      rmSync(socket, { force: true });
      server = await startRuntime(socket);
      await sleep(200);
    }
  } finally {
    server.forceShutdown();
    cri.close();
    rmSync(folder, { recursive: true, force: true });
  }
});

test('what is asked of a runtime that never answers ends with the client', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'podwire-cri-'));
  const server = await startRuntime(join(folder, 'silent.sock'), 'silent');
  const cri = createCriClient(join(folder, 'silent.sock'));
  try {
    const asking = createSandboxRuntime(cri, DEFAULT_DIALECT_SETTINGS).listReady();
    setTimeout(() => cri.close(), 300);
    const startedAt = performance.now();
    await assert.rejects(asking, { code: 'CriUnavailable' });
    assert.ok(performance.now() - startedAt < 1_500);
    await assert.rejects(createSandboxRuntime(cri, DEFAULT_DIALECT_SETTINGS).listReady(), {
      code: 'CriUnavailable',
      message: /is ending/,
    });
  } finally {
    server.forceShutdown();
    rmSync(folder, { recursive: true, force: true });
  }
});

test('labels and annotations come over the wire, and only what they ask for is kept of them', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'podwire-cri-'));
  const of = (id: string, annotations: object) => ({
    ...{ id, metadata: { name: id, uid: id, namespace: 'default' }, state: 'SANDBOX_READY', created_at: '1' },
    ...{ labels: { app: 'web' }, annotations },
  });
  const sandboxes = [of('asks', { 'k8s.v1.cni.cncf.io/networks': 'green', secret: 'x' }), of('plain', {})];
  const server = await startRuntime(join(folder, 'cri.sock'), sandboxes);
  const cri = createCriClient(join(folder, 'cri.sock'));
  try {
    const listed = await createSandboxRuntime(cri, DEFAULT_DIALECT_SETTINGS).listReady();
    const common = { namespace: 'default', ready: true, createdAt: '1' };
    assert.deepEqual(listed, [
      { id: 'asks', podUid: 'asks', name: 'asks', asks: true, ...common },
      { id: 'plain', podUid: 'plain', name: 'plain', asks: false, ...common },
    ]);
  } finally {
    cri.close();
    server.forceShutdown();
    rmSync(folder, { recursive: true, force: true });
  }
});
