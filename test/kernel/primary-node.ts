/** A node worker in a network namespace that stands for its node's, with podwire as the network of its pods, and everybody else away. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ask, type RuntimeCall } from '../cni-server/served.ts';
import type { Said } from '../cni-server/executable.ts';
import { ROOT } from '../runner/groups.ts';
import { untilAsked } from '../workflows/limits.ts';
import { createTestNetns, type TestNetns } from './namespace.ts';

const IP = '/usr/sbin/ip';
const AWAY = '127.0.0.1:1';
const HEALTH = '127.0.0.1:9466';

export interface PrimaryNode {
  readonly netns: TestNetns;
  readonly dir: string;
  /** Where it answers. */
  readonly socket: string;
  /** Of the worker that lives. */
  pid(): number;
  /** The runtime's folder of network configurations. */
  readonly configurations: string;
  /** A call for the pod's namespace, by the compiled executable. */
  call(command: string, container: string, pod: TestNetns | undefined, more?: RuntimeCall): Promise<Said>;
  /** What the worker answers programs of its node: status and JSON. @param path below its health address */
  get(path: string): Promise<readonly [number, unknown]>;
  /** As a machine without memory does it. */
  kill(): Promise<void>;
  /** Another one, where none lives. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** What an ADD prints. */
export interface Result {
  readonly interfaces: readonly { readonly name: string; readonly mac: string; readonly sandbox?: string }[];
  readonly ips: readonly { readonly address: string; readonly gateway: string; readonly version?: string }[];
  readonly routes: readonly { readonly dst: string; readonly gw: string }[];
}

export function resultOf(said: Said): Result {
  assert.equal(said.code, 0, said.stdout + said.stderr);
  return JSON.parse(said.stdout) as Result;
}

/** A namespace with nothing but its loopback. */
export async function emptyNetns(): Promise<TestNetns> {
  const netns = await createTestNetns();
  await netns.exec([IP, 'link', 'delete', 'eth0']);
  await netns.exec([IP, 'link', 'set', 'lo', 'up']);
  return netns;
}

/** What is there before the worker is. */
interface Prepared {
  /** Settings besides the usual ones, by flag. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Files in the node's folder, by name; each has the node's name put in. */
  readonly files?: Readonly<Record<string, object>>;
  readonly netns?: TestNetns;
  /** How Node is told which program the worker is; undefined: that of the sources. */
  readonly program?: readonly string[];
}

/** @param subnets as an earlier worker has left them, which asked the API; undefined: nobody ever said them */
export async function startPrimaryNode(
  subnets: readonly string[] | undefined,
  prepared: Prepared = {},
): Promise<PrimaryNode> {
  const netns = prepared.netns ?? (await emptyNetns());
  const folder = mkdtempSync(join(tmpdir(), 'podwire-primary-'));
  const [dir, socket, kubeconfig] = [join(folder, 'primary'), join(folder, 'cni.sock'), join(folder, 'kubeconfig')];
  const configurations = join(folder, 'net.d');
  for (const each of [dir, configurations]) mkdirSync(each, { mode: 0o700 });
  const node = netns.path.slice(netns.path.lastIndexOf('/') + 1);
  const known = subnets === undefined ? {} : { 'pod-subnets.json': { subnets } };
  for (const [name, content] of Object.entries({ ...known, ...prepared.files }))
    writeFileSync(join(dir, name), JSON.stringify({ v: 1, node, ...content }));
  const cluster = {
    clusters: [{ name: 'c', cluster: { server: `https://${AWAY}` } }],
    users: [{ name: 'u', user: {} }],
  };
  const contexts = { 'current-context': 'x', contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }] };
  writeFileSync(kubeconfig, JSON.stringify({ apiVersion: 'v1', kind: 'Config', ...cluster, ...contexts }));
  const settings = {
    'node-name': node,
    'cni-socket': socket,
    'cni-chain-dir': configurations,
    'cni-bin-dir': join(folder, 'bin'),
    kubeconfig,
    primary: 'true',
    'primary-dir': dir,
    'state-dir': join(folder, 'state'),
    'cni-state-dir': join(folder, 'cni'),
    'cri-socket': join(folder, 'cri.sock'),
    'temporal-address': AWAY,
    'etcd-endpoints': `http://${AWAY}`,
    // Of the node's own namespace.
    'bind-address': HEALTH,
    ...prepared.settings,
  };
  const flags = Object.entries(settings).map(([name, value]) => `--${name}=${value}`);
  let worker: ChildProcess | undefined;
  const kill = async (): Promise<void> => {
    const dying = worker;
    worker = undefined;
    if (dying === undefined || dying.exitCode !== null) return;
    const ended = new Promise((resolve) => dying.once('exit', resolve));
    dying.kill('SIGKILL');
    await ended;
  };
  const start = async (): Promise<void> => {
    if (worker !== undefined && worker.exitCode === null) return;
    const program = prepared.program ?? ['--import', 'tsx', 'workers/node.ts'];
    const argv = [`--net=${netns.path}`, process.execPath, ...program, ...flags];
    let said = '';
    const started = spawn('/usr/bin/nsenter', argv, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
    worker = started;
    for (const stream of [started.stdout, started.stderr])
      stream.on('data', (part: Buffer) => (said += part.toString()));
    await untilAsked('the node worker answers', async () => {
      if (started.exitCode !== null) throw new Error(said);
      return isAnswered(socket);
    });
  };
  await start();
  return {
    ...{ netns, dir, socket, configurations, kill, start },
    pid: () => worker?.pid ?? 0,
    call: (command, container, pod, more = {}) =>
      ask(socket, {
        ...{ command, container },
        ...more,
        env: { CNI_NETNS: pod?.path ?? '' },
        config: { mode: 'primary', ...more.config },
      }),
    async get(path) {
      const program = `const r = await fetch('http://${HEALTH}${path}'); console.log(JSON.stringify([r.status, await r.json()]))`;
      const said = await netns.exec([process.execPath, '--input-type=module', '-e', program]);
      return JSON.parse(said) as [number, unknown];
    },
    async stop() {
      await kill();
      await netns.remove();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const isAnswered = (socket: string): Promise<boolean> =>
  new Promise((resolve) => {
    const asking = createConnection(socket, () => {
      asking.destroy();
      resolve(true);
    });
    asking.once('error', () => resolve(false));
  });
