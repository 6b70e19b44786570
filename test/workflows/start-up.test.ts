/** Processes that cannot start yet, as a kubelet and a person see them: alive, not ready, with the reason, gone at once on SIGTERM. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createEtcd } from '../../adapters/etcd/client.ts';
import { connectClient } from '../../adapters/temporal/connection.ts';
import { missingSearchAttributes } from '../../adapters/temporal/search-attributes.ts';
import { createWorkflowBuilds } from '../../adapters/temporal/workflow-builds.ts';
import { builtFile } from '../../deploy/lab/built.ts';
import { waitFor } from '../../deploy/lab/waiting.ts';
import { orchestratorsPrefix } from '../../domain/keys.ts';
import { ORCHESTRATOR_DEPLOYMENT } from '../../domain/workflow-builds.ts';
import { buildOf } from '../../workers/workflow-code.ts';
import { startEtcd, type EtcdServer } from '../etcd/etcd-server.ts';
import { startDevServer } from './dev-server.ts';
import { promised } from './limits.ts';
import { PART_NAMES, startProcess, type PartName } from './real-process.ts';

const END_LIMIT_MS = 3_000;
/** Longer than a process took to end that gave up its first attempt. */
const ALIVE_MS = 6_000;

interface Started {
  readonly alive: () => boolean;
  readonly ready: () => Promise<{ ready: boolean; reasons: string[] }>;
  /** Milliseconds from SIGTERM to its end. */
  readonly end: () => Promise<number>;
}

describe('a process whose Temporal does not answer', () => {
  let dir: string;
  let silent: Server;
  let etcd: EtcdServer;
  const sockets = new Set<Socket>();

  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'podwire-start-up-'));
    // It takes connections and never says a word, as a server that hangs does, or a firewall in front of one.
    silent = createServer((socket) => void sockets.add(socket.on('error', () => undefined)));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    etcd = await startEtcd();
    writeFileSync(join(dir, 'kubeconfig'), kubeconfig(address()));
  });
  after(async () => {
    for (const socket of sockets) socket.destroy();
    silent.close();
    await etcd.stop();
    rmSync(dir, { recursive: true, force: true });
  });
  const address = (): string => `127.0.0.1:${(silent.address() as AddressInfo).port}`;

  async function start(part: PartName, temporal: string): Promise<Started> {
    const node = `start-up-${process.pid}`;
    const started = await startProcess(part, { dir, temporal, etcd: etcd.endpoint, node });
    return {
      alive: started.alive,
      ready: async () => (await started.readyz()) as { ready: boolean; reasons: string[] },
      end: async () => {
        const asked = performance.now();
        await started.end();
        return performance.now() - asked;
      },
    };
  }

  for (const part of PART_NAMES) {
    test(`${part} is alive and says what it waits for, and ends within ${END_LIMIT_MS / 1_000} s when told to`, async () => {
      const started = await start(part, address());
      const since = performance.now();
      await waitFor(
        `${part} says that Temporal does not answer`,
        async () => (await started.ready()).reasons.some((reason) => reason.includes('Temporal')) || undefined,
        { limitMs: 60_000 },
      );
      await waitFor(`${ALIVE_MS} ms`, async () => performance.now() - since > ALIVE_MS || undefined, {
        limitMs: 2 * ALIVE_MS,
      });
      assert.ok(started.alive());
      assert.equal((await started.ready()).ready, false);
      const took = await started.end();
      assert.ok(took < promised(END_LIMIT_MS), `it took ${Math.round(took)} ms`);
    });
  }

  test('an orchestrator makes the search attributes that its Temporal namespace lacks', async () => {
    const server = await startDevServer([], {});
    const client = connectClient({ address: server.address, namespace: 'default' });
    try {
      assert.equal((await missingSearchAttributes(client)).length, 4);
      const started = await start('orchestrator', server.address);
      await waitFor(
        'no search attribute to be missing',
        async () => {
          return (await missingSearchAttributes(client)).length === 0 || undefined;
        },
        { limitMs: 60_000 },
      );
      // The API does not answer here, which is all that is left to say.
      await waitFor(
        'nothing but the API to be missing',
        async () => (await started.ready()).reasons.every((reason) => reason.startsWith('kubernetes')) || undefined,
        { limitMs: 60_000 },
      );
      const took = await started.end();
      assert.ok(took < promised(END_LIMIT_MS), `it took ${Math.round(took)} ms`);
    } finally {
      await client.close();
      await server.stop();
    }
  });

  test('an orchestrator that is ready says whether its workflows are tuned: not unless that is asked for', async () => {
    const server = await startDevServer();
    const surroundings = { dir, temporal: server.address, etcd: etcd.endpoint, node: `start-up-${process.pid}` };
    try {
      for (const [env, tuned] of [
        [{}, false],
        [{ PODWIRE_SDK_TUNING: 'on' }, true],
      ] as const) {
        const started = await startProcess('orchestrator', { ...surroundings, env });
        await waitFor('its log to say so', async () => started.log().includes(`"sdkTuned":${tuned}`) || undefined, {
          limitMs: 60_000,
        });
        assert.doesNotMatch(started.log(), /SDK is not tuned/);
        await started.end();
      }
    } finally {
      await server.stop();
    }
  });

  test('an orchestrator that is ready gets new runs for its build, and signs off when it ends', async () => {
    const server = await startDevServer();
    const client = connectClient({ address: server.address, namespace: 'default' });
    const store = createEtcd({ endpoints: [etcd.endpoint], timeoutMs: 5_000 });
    const builds = createWorkflowBuilds(client.client, 'default', ORCHESTRATOR_DEPLOYMENT);
    try {
      const started = await start('orchestrator', server.address);
      await waitFor(
        'nothing but the API to be missing',
        async () => (await started.ready()).reasons.every((reason) => reason.startsWith('kubernetes')) || undefined,
        { limitMs: 60_000 },
      );
      const bundle = readFileSync(builtFile('workflow-bundle.js'), 'utf8');
      await waitFor(
        'its build to be current; the server answers one who asks at a time',
        async () => (await builds.current()) === buildOf(bundle) || undefined,
        { limitMs: 10_000 },
      );
      assert.equal((await store.keys(orchestratorsPrefix())).length, 1);
      await started.end();
      assert.deepEqual(await store.keys(orchestratorsPrefix()), []);
    } finally {
      store.close();
      await client.close();
      await server.stop();
    }
  });
});

const kubeconfig = (server: string): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster: { server: `http://${server}` } }],
    users: [{ name: 'u', user: { token: 'none' } }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  });
