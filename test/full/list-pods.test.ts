/**
 * How long `podwire list pods` and `inspect nets` take with 500 pods on three nodes. Real: the command as a process of its own, Temporal, the
 * workflow, the nodes' activities, 500 network namespaces with a VXLAN link each. Stand-ins: namespaces without pods around them, an HTTP
 * server that answers the two requests of the Kubernetes API, and a list in the place of the container runtime.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { NativeConnection, Worker } from '@temporalio/worker';
import { createInspectBatch } from '../../activities/network/inspect/inspect-pods.ts';
import { eachWithLimit } from '../../domain/concurrency/with-limit.ts';
import { lookIntoPod } from '../../activities/network/inspect/inspect-pod.ts';
import { withHeartbeat } from '../../activities/network/with-heartbeat.ts';
import { createIprouteKernel } from '../../adapters/iproute/node-kernel.ts';
import { createNodeNetnsResolver } from '../../activities/network/sandbox-netns.ts';
import type * as launching from '../../adapters/process/launcher.ts';
import type { RunResult } from '../../adapters/process/child.ts';
import { run } from '../../adapters/process/run.ts';
import { builtFile } from '../../deploy/lab/built.ts';
import { CONTROL_QUEUE, nodeQueue } from '../../domain/messages.ts';
import { workflowCode } from '../../workers/workflow-code.ts';
import { FakeRuntime } from '../kernel/fakes.ts';
import { NETNS_ROOT } from '../kernel/namespace.ts';
import { startDevServer, type DevServer } from '../workflows/dev-server.ts';

const PODS = 500;
const NODES = ['n1', 'n2', 'n3'] as const;
const PREFIX = 'pwlist-';
const LIMIT_MS = 5_000;
/** As a node's worker has it. */
const AT_ONCE = 4;

const runtimes = new Map(NODES.map((node) => [node, new FakeRuntime()]));
const workers: { worker: Worker; ended: Promise<void> }[] = [];
const folder = mkdtempSync(join(tmpdir(), 'podwire-list-'));
let server: DevServer;
let connection: NativeConnection;
let api: Server;
let launcher: launching.Launcher;

const indexes = Array.from({ length: PODS }, (_, index) => index);
const nodeOf = (index: number): (typeof NODES)[number] => NODES[index % NODES.length] ?? 'n1';
const nameOf = (index: number): string => `web-${String(index).padStart(3, '0')}`;
const addressOf = (index: number): string => `192.168.${Math.floor(index / 250)}.${(index % 250) + 1}/16`;

const podObject = (index: number) => ({
  metadata: {
    ...{ uid: `uid-${index}`, namespace: 'shop', name: nameOf(index), resourceVersion: '1' },
    labels: { 'vxlan.openvnf.org': 'true' },
    annotations: { 'vxlan.openvnf.org/networks': `vxeth1 ip=${addressOf(index)}` },
  },
  spec: { nodeName: nodeOf(index), containers: [{ name: 'vxlan-controller-agent' }] },
  status: {
    ...{ phase: 'Running', podIP: `10.244.${Math.floor(index / 250)}.${(index % 250) + 1}` },
    containerStatuses: [{ name: 'vxlan-controller-agent', state: { running: {} } }],
  },
});

async function ip(lines: readonly string[]): Promise<void> {
  const input = `${lines.join('\n')}\n`;
  const result = await run({ file: '/usr/sbin/ip', args: ['-force', '-batch', '-'], input, timeoutMs: 120_000 });
  assert.equal(result.code, 0, result.stderr);
}

before(async () => {
  // As the node workers have it: with a transpiler in its process every program takes longer to start.
  const built = (await import(pathToFileURL(builtFile('adapters/process/launcher.js')).href)) as typeof launching;
  launcher = built.createLauncher({ registryDir: join(folder, 'children') });
  await ip(indexes.map((index) => `netns add ${PREFIX}${index}`));
  await ip(
    indexes.flatMap((index) => [
      `link add pwl${index} type vxlan id ${2_000_000 + index} remote 127.0.0.1 dstport 0`,
      `link set pwl${index} netns ${PREFIX}${index} name vxeth1`,
    ]),
  );
  for (const index of indexes) {
    const inside = await run({
      ...{
        file: '/usr/sbin/ip',
        args: ['-n', `${PREFIX}${index}`, 'address', 'add', addressOf(index), 'dev', 'vxeth1'],
      },
      timeoutMs: 10_000,
    });
    assert.equal(inside.code, 0, inside.stderr);
    const uid = `uid-${index}`;
    runtimes.get(nodeOf(index))?.sandboxes.set(uid, {
      ...{ id: uid, podUid: uid, namespace: 'shop', name: nameOf(index), ready: true, createdAt: '1', podIPs: [] },
      ...{ hostNetwork: false, netnsPath: `${NETNS_ROOT}/${PREFIX}${index}` },
    });
  }
  server = await startDevServer();
  connection = await NativeConnection.connect({ address: server.address });
  await work({ taskQueue: CONTROL_QUEUE, ...workflowCode() });
  for (const [node, runtime] of runtimes) {
    const kernel = createIprouteKernel({ netnsRoots: [NETNS_ROOT], run: launcher.run });
    const deps = { kernel, netnsResolver: createNodeNetnsResolver({ kernel, runtime, bootId: 'boot' }) };
    const batch = createInspectBatch((input, signal) => lookIntoPod(deps, input, signal), AT_ONCE);
    await work({ taskQueue: nodeQueue(node), activities: { lookIntoPods: withHeartbeat(batch) } });
  }
  api = createServer((request, response) => {
    const isList = request.url?.startsWith('/api/v1/pods') === true;
    response.statusCode = isList ? 200 : 404;
    response.setHeader('content-type', 'application/json');
    const list = { kind: 'PodList', metadata: { resourceVersion: '1' }, items: indexes.map(podObject) };
    const found = request.url?.includes('configmaps') === true ? { data: { vxeth1: 'id=101 up' } } : {};
    if (!isList && request.url?.includes('configmaps') === true) response.statusCode = 200;
    const configMap = { metadata: { uid: 'c', namespace: 'kube-system', name: 'kube-vxlan-controller' }, ...found };
    response.end(JSON.stringify(isList ? list : configMap));
  });
  await new Promise<void>((resolve) => api.listen(0, '127.0.0.1', resolve));
  const { port } = api.address() as AddressInfo;
  const cluster = { name: 'x', cluster: { server: `http://127.0.0.1:${port}`, 'insecure-skip-tls-verify': true } };
  const context = { name: 'x', context: { cluster: 'x', user: 'x' } };
  const config = { clusters: [cluster], users: [{ name: 'x', user: {} }], contexts: [context], 'current-context': 'x' };
  writeFileSync(join(folder, 'kubeconfig'), JSON.stringify({ apiVersion: 'v1', kind: 'Config', ...config }));
});

after(async () => {
  for (const { worker } of workers) worker.shutdown();
  await Promise.all(workers.map(({ ended }) => ended));
  await connection.close();
  await server.stop();
  api.closeAllConnections();
  api.close();
  launcher.close();
  await ip(indexes.map((index) => `netns delete ${PREFIX}${index}`));
  rmSync(folder, { recursive: true });
});

async function work(options: Omit<Parameters<typeof Worker.create>[0], 'connection'>): Promise<void> {
  const worker = await Worker.create({ connection, shutdownGraceTime: 0, shutdownForceTime: '3s', ...options });
  workers.push({ worker, ended: worker.run() });
}

async function podwire(...args: string[]): Promise<{ result: RunResult; ms: number }> {
  const startedAt = performance.now();
  const result = await run({
    file: process.execPath,
    // As the images have it: what a transpiler takes to start is no part of it.
    args: [builtFile('cli/main.js'), ...args],
    env: {
      ...{ HOME: folder, PATH: '/usr/bin:/bin', TEMPORAL_ADDRESS: server.address },
      PODWIRE_KUBECONFIG: join(folder, 'kubeconfig'),
    },
    timeoutMs: 60_000,
  });
  return { result, ms: Math.round(performance.now() - startedAt) };
}

/** What the programs alone take that a list runs, in the same namespaces, as many at once. */
async function floorMs(): Promise<number> {
  const startedAt = performance.now();
  const show = ['/usr/sbin/ip', 'address', 'show', 'dev', 'vxeth1'];
  await eachWithLimit(indexes, AT_ONCE * NODES.length, async (index) => {
    const netns = `--net=${NETNS_ROOT}/${PREFIX}${index}`;
    const result = await launcher.run({ file: '/usr/bin/nsenter', args: [netns, '--', ...show], timeoutMs: 10_000 });
    assert.equal(result.code, 0, result.stderr);
  });
  return Math.round(performance.now() - startedAt);
}

test('500 pods on three nodes are listed within five seconds or thrice the time of the programs alone, each with its address', async (t) => {
  await podwire('list', 'pods', 'nobody');
  const floor = await floorMs();
  const times: number[] = [];
  for (let round = 0; round < 3; round += 1) {
    const { result, ms } = await podwire('list', 'pods');
    assert.equal(result.stderr, '');
    assert.equal(result.code, 0);
    assert.equal(result.stdout, indexes.map((index) => `shop/${nameOf(index)} vxeth1 ${addressOf(index)}\n`).join(''));
    times.push(ms);
  }
  t.diagnostic(
    `list pods, ${PODS} pods on ${NODES.length} nodes: ${times.join(', ')} ms; the programs alone: ${floor} ms`,
  );
  // Some machines are slower than the one that five seconds were meant for.
  assert.ok(
    Math.min(...times) <= Math.max(LIMIT_MS, 3 * floor),
    `${times.join(', ')} ms; the programs alone: ${floor} ms`,
  );
});

test('500 members of a network are inspected with all fields', async (t) => {
  const { result, ms } = await podwire('inspect', 'nets', 'vxeth1', '--fields=all');
  assert.equal(result.code, 0, result.stderr);
  assert.equal(result.stdout.match(/^ pod: shop\/web-/gm)?.length, PODS);
  assert.equal(result.stdout.match(/^ dev: .*vxeth1(?:@\S+)?: </gm)?.length, PODS);
  t.diagnostic(`inspect nets --fields=all, ${PODS} pods: ${ms} ms`);
});

test('a node without a worker is named, and the others are listed', async () => {
  const gone = workers.pop();
  gone?.worker.shutdown();
  await gone?.ended;
  const { result } = await podwire('list', 'pods', 'web-00');
  assert.equal(result.code, 1);
  assert.match(result.stderr, /podwire: n3: no podwire worker answers/);
  assert.match(result.stdout, /^shop\/web-000 vxeth1 192\.168\.0\.1\/16\n.*\nshop\/web-002 vxeth1 \n/);
});
