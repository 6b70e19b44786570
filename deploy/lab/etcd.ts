/** The lab's etcds: Kubernetes' own and podwire's. */
import { existsSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { attempt, findProgram } from './commands.ts';
import { CONTROL_ADDRESS, PORTS } from './layout.ts';
import type { LabLayout } from './layout.ts';
import { partPid, startPart, waitForPart } from './parts.ts';
import type { PartSpec } from './parts.ts';

interface Etcd {
  readonly name: string;
  readonly host: string;
  readonly client: number;
  readonly peer: number;
  readonly more: readonly string[];
}

/** On the control namespace's loopback only. It survives a killed process, not a power cut: the cluster ends with the machine's uptime. */
const KUBERNETES: Etcd = {
  name: 'etcd',
  host: '127.0.0.1',
  client: PORTS.kubernetesEtcd,
  peer: PORTS.kubernetesEtcdPeer,
  more: ['--unsafe-no-fsync'],
};

/** Reachable from the nodes; it keeps its promises about the disk. */
const PODWIRE: Etcd = {
  name: 'podwire-etcd',
  host: CONTROL_ADDRESS,
  client: PORTS.podwireEtcd,
  peer: PORTS.podwireEtcdPeer,
  more: [],
};

/** Kubernetes' etcd as a part of the lab. */
export const kubernetesEtcd = (lab: LabLayout): PartSpec => part(lab, KUBERNETES);

/** podwire's etcd as a part of the lab. */
export const podwireEtcd = (lab: LabLayout): PartSpec => part(lab, PODWIRE);

/** Starts Kubernetes' etcd and waits until it answers. */
export const startKubernetesEtcd = (lab: LabLayout): Promise<void> => start(lab, KUBERNETES);

/** Starts podwire's etcd and waits until it answers. */
export const startPodwireEtcd = (lab: LabLayout): Promise<void> => start(lab, PODWIRE);

/**
 * An etcd that is killed while it makes its data folder may leave a log without a member in it. Started again on that it has
 * nobody to elect, and never answers. What an etcd holds that never answered is worth nothing, so it begins anew.
 */
async function start(lab: LabLayout, etcd: Etcd): Promise<void> {
  const answered = join(lab.dir, `${etcd.name}-answered`);
  if (!existsSync(answered) && partPid(lab, etcd.name) === undefined)
    await rm(dataFolder(lab, etcd), { recursive: true, force: true });
  await startPart(lab, part(lab, etcd));
  await waitForPart(lab, etcd.name, async () => {
    const url = `http://${etcd.host}:${etcd.client}/health`;
    const args = [`--net=${lab.controlNetnsPath}`, '--', 'busybox', 'wget', '-q', '-O', '/dev/null', url];
    return (await attempt('nsenter', args, { timeoutMs: 5_000 })).code === 0 ? true : undefined;
  });
  writeFileSync(answered, '');
}

const dataFolder = (lab: LabLayout, { name }: Etcd): string => join(lab.dir, name);

function part(lab: LabLayout, etcd: Etcd): PartSpec {
  const client = `http://${etcd.host}:${etcd.client}`;
  const peer = `http://127.0.0.1:${etcd.peer}`;
  return {
    name: etcd.name,
    netnsPath: lab.controlNetnsPath,
    file: findProgram('etcd') ?? '/usr/bin/etcd',
    args: [
      ...[`--name=${etcd.name}`, `--data-dir=${dataFolder(lab, etcd)}`],
      ...[`--listen-client-urls=${client}`, `--advertise-client-urls=${client}`],
      ...[`--listen-peer-urls=${peer}`, `--initial-advertise-peer-urls=${peer}`],
      `--initial-cluster=${etcd.name}=${peer}`,
      ...['--auto-compaction-mode=periodic', '--auto-compaction-retention=10m', '--quota-backend-bytes=2147483648'],
      ...['--logger=zap', ...etcd.more],
    ],
    // etcd 3.4 refuses to start on anything but amd64 without this.
    env: process.arch === 'x64' ? {} : { ETCD_UNSUPPORTED_ARCH: process.arch },
  };
}
