/** Looks at the host of a node worker: runtime, kernel, programs, folders. Changes nothing: devices are tried in a network namespace that ends at once. */
import { accessSync, constants, statSync } from 'node:fs';
import { z } from 'zod';
import type { NodeHostFacts, VxlanDevice } from '../../domain/start-checks/node-host.ts';
import type { CriClient } from '../cri/client.ts';
import type { Run, RunResult } from '../process/child.ts';

export interface NodeProbe {
  readonly cri: CriClient;
  readonly run: Run;
  readonly linkKernel: NodeHostFacts['linkKernel'];
  readonly folders: readonly { readonly setting: string; readonly paths: readonly string[] }[];
}

const LIMIT_MS = 1_500;
const IP = '/usr/sbin/ip';
const UNSHARE = '/usr/bin/unshare';
const ENV = { LC_ALL: 'C', PATH: '/usr/sbin:/usr/bin:/sbin:/bin' };
/** Any sysctl of the network: all of /proc/sys is writable or none of it. */
const SYSCTL = '/proc/sys/net/ipv4/ip_forward';

const DEVICES = [
  ['vxlan', ['type', 'vxlan', 'id', '1', 'dstport', '8472']],
  ['veth', ['type', 'veth', 'peer', 'name', 'probe-peer']],
  ['bridge', ['type', 'bridge']],
] as const;

const LINKS = 'links in pods are made with it';
interface Program {
  readonly path: string;
  readonly needed: boolean;
  readonly why: string;
  /** Only where links are worked on by programs (ADR 48). */
  readonly of?: 'iproute2';
}

const PROGRAMS: readonly Program[] = [
  { path: IP, needed: true, why: LINKS, of: 'iproute2' },
  { path: '/usr/sbin/bridge', needed: true, why: 'forwarding entries are written with it', of: 'iproute2' },
  { path: '/usr/bin/nsenter', needed: true, why: LINKS, of: 'iproute2' },
  { path: UNSHARE, needed: true, why: 'CNI plugins and batches are run with it' },
  { path: '/usr/bin/setpriv', needed: true, why: 'CNI plugins end with the worker by it' },
  { path: '/usr/bin/xargs', needed: true, why: 'forwarding entries of many pods are written with it', of: 'iproute2' },
  {
    path: '/usr/sbin/iptables',
    needed: false,
    why: 'CNI plugins portmap and firewall, and bridge with ipMasq, call it',
  },
  { path: '/usr/sbin/nft', needed: false, why: 'VXLAN links take packets from members only by it', of: 'iproute2' },
  { path: '/usr/sbin/nft', needed: false, why: 'CNI plugin bridge with macspoofchk calls it' },
];

/** Never fails: what cannot be found out is one of the facts. */
export async function nodeHostFacts({ cri, run, folders, linkKernel }: NodeProbe): Promise<NodeHostFacts> {
  const has = (path: string): boolean => can(path, constants.X_OK);
  const missingPrograms = PROGRAMS.filter(
    ({ path, of }) => (of ?? linkKernel.access) === linkKernel.access && !has(path),
  );
  const [runtime, devices, vxlanDevices] = await Promise.all([
    runtimeOf(cri),
    has(IP) && has(UNSHARE) ? devicesOf(run) : { missingDevices: [] },
    has(IP) ? vxlanDevicesOf(run) : undefined,
  ]);
  return {
    ...{ runtime, vxlanDevices, missingPrograms, linkKernel, ...devices },
    sysctls: sysctls(),
    folders: folders.map((folder) => ({
      ...folder,
      present: folder.paths.some((path) => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true),
    })),
  };
}

async function runtimeOf(cri: CriClient): Promise<NodeHostFacts['runtime']> {
  try {
    const { runtime_name: name = '', runtime_version: version = '' } = (await cri.call('Version', {}, LIMIT_MS)) as {
      runtime_name?: string;
      runtime_version?: string;
    };
    return { version: `${name} ${version}` };
  } catch (error) {
    return { unreachable: error instanceof Error ? error.message : String(error) };
  }
}

type DeviceFacts = Pick<NodeHostFacts, 'missingDevices' | 'devicesUntried'>;

async function devicesOf(run: Run): Promise<DeviceFacts> {
  const tried = await Promise.all(
    DEVICES.map(async ([kind, words]) => {
      const result = await run({
        file: UNSHARE,
        args: ['--net', '--', IP, 'link', 'add', 'probe', ...words],
        ...{ env: ENV, timeoutMs: LIMIT_MS, brief: true },
      });
      return { kind, result };
    }),
  );
  const failed = tried.filter(({ result }) => result.code !== 0);
  const untried = failed.find(({ result }) => result.stderr.includes('unshare'));
  if (untried !== undefined) return { missingDevices: [], devicesUntried: whyOf(untried.result) };
  return { missingDevices: failed.map(({ kind, result }) => ({ kind, why: whyOf(result) })) };
}

const whyOf = ({ stderr, timedOut }: RunResult): string =>
  timedOut ? `no answer within ${LIMIT_MS} ms` : stderr.trim().replaceAll('\n', ' ').slice(0, 200);

/** iproute2's JSON of `ip -d -j link`. */
const links = z.array(
  z.object({
    ifname: z.string(),
    linkinfo: z.object({
      info_data: z.object({ id: z.number().optional(), port: z.number(), external: z.boolean().optional() }),
    }),
  }),
);

async function vxlanDevicesOf(run: Run): Promise<readonly VxlanDevice[] | undefined> {
  const { code, stdout } = await run({
    file: IP,
    args: ['-d', '-j', 'link', 'show', 'type', 'vxlan'],
    ...{ env: ENV, timeoutMs: LIMIT_MS, brief: true },
  });
  if (code !== 0) return undefined;
  return parseVxlanDevices(stdout);
}

/** @param json iproute2's answer; nothing at all where there are no devices. @returns undefined when it is no such answer */
export function parseVxlanDevices(json: string): readonly VxlanDevice[] | undefined {
  const parsed = links.safeParse(jsonOf(json.trim() === '' ? '[]' : json));
  return parsed.data?.map(({ ifname: name, linkinfo: { info_data: data } }) => ({
    name,
    vni: data.external === true ? undefined : data.id,
    port: data.port,
    external: data.external === true,
  }));
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function sysctls(): NodeHostFacts['sysctls'] {
  try {
    accessSync(SYSCTL, constants.W_OK);
    return 'writable';
  } catch (error) {
    return { readOnly: (error as NodeJS.ErrnoException).code ?? String(error) };
  }
}

function can(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}
