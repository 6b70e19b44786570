/**
 * The CNI adapter over real plugins: a pod's netns, and a "node" netns in which the plugins run (bridges and host ends of veth pairs
 * belong to the namespace of the process), so that nothing of a test is left on the machine.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { createCniPlugins, type CniPluginsOptions } from '../../adapters/cni/plugins.ts';
import { cniPluginsDir, ensureCniPlugins } from '../../deploy/lab/cni-plugins.ts';
import { silentProgress } from '../../deploy/lab/progress.ts';
import type { JsonObject } from '../../domain/cni/attachment.ts';
import type { CniCall, CniPlugins } from '../../domain/ports/cni-plugins.ts';
import { createTestNetns, type TestNetns } from './namespace.ts';

export const NEVER = new AbortController().signal;
const IP = '/usr/sbin/ip';

export interface CniBench {
  /** Directory of the test's own. */
  readonly dir: string;
  /** In it: `data` for host-local and tuning, `bin` for wrappers and fakes. */
  readonly dataDir: string;
  readonly binDir: string;
  readonly host: TestNetns;
  readonly pod: TestNetns;
  readonly plugins: CniPlugins;
  /** The adapter with other options; `bin` is searched first, then the built plugins. */
  with(options: Partial<CniPluginsOptions>): CniPlugins;
  call(config: object, change?: Partial<CniCall>): CniCall;
  /** Names of links, without the loopback and what the namespace was made with. */
  links(where: TestNetns): Promise<string[]>;
  /** Addresses that host-local has reserved for a network. */
  reserved(network: string): string[];
  close(): Promise<void>;
}

/** Builds the plugins when they are not cached yet. */
export async function createCniBench(): Promise<CniBench> {
  await ensureCniPlugins(silentProgress);
  const dir = mkdtempSync(join(tmpdir(), 'podwire-cni-'));
  const [dataDir, binDir] = [join(dir, 'data'), join(dir, 'bin')];
  for (const each of [dataDir, binDir]) mkdirSync(each);
  const [host, pod] = await Promise.all([createTestNetns(), createTestNetns()]);
  for (const type of readdirSync(cniPluginsDir())) wrap(binDir, type, host.path);
  const sandboxId = randomBytes(32).toString('hex');
  const create: CniBench['with'] = (options) =>
    createCniPlugins({
      binDirs: [binDir, cniPluginsDir()],
      timeoutMs: 10_000,
      log: pino({ level: 'silent' }),
      ...options,
    });
  const links: CniBench['links'] = async (where) => {
    const list = JSON.parse(await where.exec([IP, '-j', 'link', 'show'])) as { ifname: string }[];
    return list.map(({ ifname }) => ifname).filter((name) => !['lo', 'eth0', 'far0'].includes(name));
  };
  return {
    ...{ dir, dataDir, binDir, host, pod, links },
    plugins: create({}),
    with: create,
    call: (config, change) => ({
      sandboxId,
      netnsPath: pod.path,
      interfaceName: 'net1',
      configText: JSON.stringify(config),
      networkName: 'test',
      capabilityArgs: {},
      args: [
        ['IgnoreUnknown', '1'],
        ['K8S_POD_NAMESPACE', 'default'],
        ['K8S_POD_NAME', 'a'],
      ],
      ...change,
    }),
    reserved: (network) => {
      const folder = join(dataDir, network);
      return existsSync(folder) ? readdirSync(folder).filter((name) => /^[0-9a-f]+[.:]/.test(name)) : [];
    },
    close: async () => {
      await Promise.all([host.remove(), pod.remove()]);
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** A plugin of that name which is the built one, run in the host's namespace. No shell: env(1) splits the words. */
function wrap(binDir: string, type: string, netns: string): void {
  const target = join(cniPluginsDir(), type);
  writeFileSync(join(binDir, type), `#!/usr/bin/env -S /usr/bin/nsenter --net=${netns} -- ${target}\n`, {
    mode: 0o755,
  });
}

/** host-local with a data directory of the test's own. */
export const hostLocal = (bench: CniBench, subnet = '10.9.0.0/24'): JsonObject => ({
  type: 'host-local',
  ranges: [[{ subnet }]],
  dataDir: bench.dataDir,
});

/** One address and the state of a link in a namespace. */
export async function linkIn(
  where: TestNetns,
  name: string,
): Promise<{ mac: string; up: boolean; mtu: number; addresses: string[] } | undefined> {
  const text = await where.exec([IP, '-j', 'address', 'show', 'dev', name], { mayFail: true });
  if (text.trim() === '') return undefined;
  const [link] = JSON.parse(text) as {
    address: string;
    mtu: number;
    flags: string[];
    addr_info: { local: string; prefixlen: number; scope: string }[];
  }[];
  if (link === undefined) return undefined;
  return {
    mac: link.address,
    mtu: link.mtu,
    up: link.flags.includes('UP'),
    addresses: link.addr_info
      .filter(({ scope }) => scope === 'global')
      .map(({ local, prefixlen }) => `${local}/${prefixlen}`),
  };
}
