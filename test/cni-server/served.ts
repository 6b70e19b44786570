/** A CNI server with a stand-in for what does the work, and calls of a container runtime to it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startCniServer, type CniServer } from '../../adapters/cni-server/server.ts';
import { createLogger } from '../../adapters/log/logger.ts';
import type { PodCni, PodCniCall } from '../../domain/cni-server/pod-cni.ts';
import { executable, start, type Said, type Started } from './executable.ts';

export const RESULT = {
  cniVersion: '1.1.0',
  interfaces: [{ name: 'eth0', mac: '02:00:00:00:00:01', sandbox: '/run/netns/a' }],
  ips: [{ address: '10.1.0.2/24', gateway: '10.1.0.1', interface: 0 }],
  routes: [{ dst: '0.0.0.0/0', gw: '10.1.0.1' }],
};

/** Does nothing, and gives each container the same result. */
export const IDLE: PodCni = {
  add: async () => RESULT,
  del: async () => undefined,
  check: async () => undefined,
  gc: async () => undefined,
  status: async () => undefined,
};

interface Seen {
  readonly method: keyof PodCni;
  readonly call: PodCniCall | PodCniCall['config'];
  readonly valid?: unknown;
}

export interface Served {
  readonly folder: string;
  readonly socket: string;
  readonly server: CniServer;
  readonly seen: Seen[];
  readonly answers: [command: string, code: number][];
}

export async function serve(
  t: { after(work: () => Promise<void>): void },
  podCni: Partial<PodCni> = {},
  ipam?: Partial<PodCni>,
): Promise<Served> {
  const folder = mkdtempSync(join(tmpdir(), 'podwire-cni-'));
  const socket = join(folder, 'cni.sock');
  const seen: Seen[] = [];
  const answers: [string, number][] = [];
  const does = { ...IDLE, ...podCni };
  const server = await startCniServer({
    socket,
    podCni: {
      add: (call, ...how) => (seen.push({ method: 'add', call }), does.add(call, ...how)),
      del: (call, ...how) => (seen.push({ method: 'del', call }), does.del(call, ...how)),
      check: (call, signal) => (seen.push({ method: 'check', call }), does.check(call, signal)),
      gc: (call, valid, signal) => (seen.push({ method: 'gc', call, valid }), does.gc(call, valid, signal)),
      status: (call, signal) => (seen.push({ method: 'status', call }), does.status(call, signal)),
    },
    ...(ipam === undefined ? {} : { ipam: { ...IDLE, ...ipam } }),
    observer: { answered: (command, code) => answers.push([command, code]) },
    log: createLogger('test', 'silent'),
  });
  t.after(async () => {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  return { folder, socket, server, seen, answers };
}

export interface RuntimeCall {
  readonly command?: string;
  readonly container?: string;
  readonly config?: Record<string, unknown>;
  readonly env?: Record<string, string>;
  /** Instead of the configuration. */
  readonly input?: string | Buffer;
  readonly file?: string;
}

const args = (container: string): string =>
  `IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=pod-${container};K8S_POD_INFRA_CONTAINER_ID=${container};K8S_POD_UID=uid-${container}`;

export const configuration = (socket: string): Record<string, unknown> => ({
  cniVersion: '1.1.0',
  name: 'cluster',
  type: 'podwire-cni',
  ...{ socket, logFile: '' },
});

export async function begin(socket: string, call: RuntimeCall = {}): Promise<Started> {
  const { command = 'ADD', container = 'c1', config = {}, env = {}, input, file = await executable() } = call;
  const runtimes = {
    CNI_COMMAND: command,
    CNI_CONTAINERID: container,
    CNI_NETNS: `/run/netns/${container}`,
    CNI_IFNAME: 'eth0',
    CNI_ARGS: args(container),
    CNI_PATH: '/opt/cni/bin',
  };
  return start(file, { ...runtimes, ...env }, input ?? JSON.stringify({ ...configuration(socket), ...config }));
}

export const ask = async (socket: string, call: RuntimeCall = {}): Promise<Said> => (await begin(socket, call)).ended;

/** The error object that was printed. */
export const errorOf = ({ stdout }: Said): { cniVersion: string; code: number; msg: string; details?: string } =>
  JSON.parse(stdout) as { cniVersion: string; code: number; msg: string; details?: string };
