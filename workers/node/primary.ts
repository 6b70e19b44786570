/** podwire as the network of a node's pods, put together: what is on the disk, the kernel, and who hands out subnets. */
import { join } from 'node:path';
import { createPrimary, type PrimaryDeps } from '../../activities/primary/primary-cni.ts';
import { createSandboxSteps, type SandboxSteps } from '../../activities/primary/sandbox-steps.ts';
import { LeaseCollector } from '../../activities/primary/lease-collector.ts';
import type { NodeMesh } from '../../activities/primary/node-mesh.ts';
import { PodSubnets } from '../../activities/primary/pod-subnets.ts';
import { listSandboxIds } from '../../adapters/cri/sandbox-runtime.ts';
import { createPrimarySandboxes } from '../../adapters/etcd/primary-sandboxes.ts';
import { contivRoutes } from '../../adapters/http/contiv-routes.ts';
import type { Route } from '../../adapters/http/routes.ts';
import { ipNumbers } from '../../adapters/ip/ip-numbers.ts';
import type { Logger } from '../../adapters/log/logger.ts';
import { prepareNode } from '../../adapters/netlink/node-forwarding.ts';
import { createNetlinkKernel } from '../../adapters/netlink/node-kernel.ts';
import { createPodWiringKernel } from '../../adapters/netlink/pod-wiring-kernel.ts';
import { openLeaseFiles } from '../../adapters/primary/lease-files.ts';
import { createPodSubnetsFile } from '../../adapters/primary/pod-subnets-file.ts';
import type { NodeConfig } from '../../config/node.ts';
import type { PodCni } from '../../domain/cni-server/pod-cni.ts';
import type { Signals } from '../../domain/ports/cluster.ts';
import type { Failpoints } from '../../domain/ports/failpoints.ts';
import type { PrimarySandboxes } from '../../domain/ports/primary-sandboxes.ts';
import type { LeaseStore } from '../../domain/ports/lease-store.ts';
import type { SandboxRuntime } from '../../domain/ports/sandbox-runtime.ts';
import { sandboxesOf } from '../../domain/primary/sandbox.ts';
import type { Opened } from '../opened.ts';
import type { NodeConnections } from './node-connections.ts';
import { everyInterval, untilDone } from '../loops.ts';
import { createPrimaryMesh, keepMesh } from './primary-mesh.ts';
import { CONTIV_TREE, subnetSource } from './primary-subnets.ts';
import { startDuties } from './sandbox-duties.ts';

/** How long the address of a pod belongs to nobody after it: caches and packets under way. */
const REST_MS = 60_000;
const COLLECT_INTERVAL_MS = 30_000;
/** What a tunnel of IPv4 leaves of 1500: while it is not known what the tunnels have. */
const DEFAULT_MTU = 1_450;

interface PrimaryParts {
  readonly signals: Pick<Signals, 'membersChanged'>;
  readonly runtime: Pick<SandboxRuntime, 'describe'>;
  readonly others: PodCni;
  readonly failpoints: Failpoints;
  readonly opened: Opened;
}

export interface Primary {
  readonly podCni: PodCni;
  readonly mesh: NodeMesh;
  /** Fulfilled when pods can have addresses; false: the process was told to end before. */
  readonly addressed: Promise<boolean>;
  /** What the runs of sandboxes ask of this node. */
  readonly steps: SandboxSteps;
  /** What programs of the node ask. */
  readonly routes: readonly Route[];
}

/** Serves from now on what the disk knows, whoever else is away. @throws the disk's error, PodwireError RecordInvalid, AddressingInvalid */
export async function startPrimary(
  config: NodeConfig,
  connections: NodeConnections,
  { signals, runtime, others, failpoints, opened }: PrimaryParts,
  log: Logger,
  signal: AbortSignal,
): Promise<Primary> {
  const { node, netnsRoots, primary } = config;
  const { netlink: thread, cri } = connections;
  const ip = ipNumbers;
  const leases = opened.add(await openLeaseFiles({ dir: join(primary.dir, 'leases'), restMs: REST_MS, ip }), (each) =>
    each.close(),
  );
  tellOfDamage(leases, log);
  const { source, contiv } = await subnetSource(config, connections, leases, log);
  const subnets = new PodSubnets({ ...{ node, leases, source, ip }, disk: createPodSubnetsFile(primary.dir) });
  await subnets.load();
  prepare(subnets, log);
  const fixedMtu = primary.mtu ?? contiv?.mtu;
  const mesh = createPrimaryMesh(config, connections, { subnets, contiv, signals, fixedMtu }, log);
  // Pods start and end without the other nodes.
  await mesh.load(signal).catch((err: unknown) => log.warn({ err }, 'the other nodes are not reached as yet'));
  const kernel = { leases, wiring: createPodWiringKernel(thread), ip, failpoints };
  const records = recordsOf(config, connections);
  const told = { ...{ node, leases, ip, records }, hooks: primary.hooks };
  const duties = startDuties(told, connections, opened, log, signal);
  const collector = new LeaseCollector({
    ...{ ...kernel, runtime, now: () => Date.now() },
    listed: () => listSandboxIds(cri),
    onGone: (holder) => {
      log.warn(holder, 'the container runtime does not know this sandbox: its addresses are free');
      duties.ended(holder.sandboxId);
    },
  });
  const asked = untilDone('pod subnets', log, signal, async () => {
    await subnets.look();
    prepare(subnets, log);
    log.info({ subnets: subnets.ranges?.map(({ text }) => text) }, "the pods' addresses of this node");
  });
  // Now that there is something to say; what fails is repeated, and told of, by the mesh's own looks.
  const looked = asked.then(() => mesh.look(signal)).catch(() => undefined);
  const looks = [
    looked,
    keepMesh(mesh, { node, etcd: connections.etcd }, log, signal),
    everyInterval('leases', COLLECT_INTERVAL_MS, log, signal, () => collector.look(signal)),
  ];
  void opened.add(Promise.all(looks), (ended) => ended);
  const wired = {
    ...{ ...kernel, subnets },
    links: createNetlinkKernel({ netnsRoots, thread }),
    mtu: () => fixedMtu ?? mesh.tunnelMtu ?? DEFAULT_MTU,
  };
  const podCni = createPrimary({ ...{ ...wired, others, duties }, observer: observerOf(log) });
  const routes = contivRoutes({
    sandboxes: () => sandboxesOf(leases.leases(), ip).held,
    podSubnets: () => subnets.ranges?.map(({ text }) => text),
    contiv: contiv?.answers,
  });
  const steps = createSandboxSteps({ ...wired, ...{ node, records, runtime } });
  // The first look also tells what pods' packets may have.
  const addressed = subnets.ranges === undefined ? looked.then(() => asked) : Promise.resolve(true);
  return { podCni, mesh, addressed, steps, routes };
}

/** With contiv's keys where it is contiv's configuration that the node has its addresses by: nobody else has said that they are read. */
const recordsOf = ({ primary }: NodeConfig, { etcd }: NodeConnections): PrimarySandboxes =>
  createPrimarySandboxes(etcd, ipNumbers, primary.contivYaml === undefined ? undefined : CONTIV_TREE.prefix);

const observerOf = (log: Logger): PrimaryDeps['observer'] => ({
  refused: (sandboxId, settings) => log.warn({ sandboxId, settings }, 'settings of a pod cannot be made'),
  left: (sandboxId, err) =>
    log.warn({ sandboxId, err }, 'networks besides the primary one cannot be asked; they are gone on with'),
});

function prepare({ ranges }: PodSubnets, log: Logger): void {
  if (ranges === undefined) return;
  const refused = prepareNode(new Set(ranges.map(({ subnet }) => subnet.family)));
  if (refused.length > 0) log.warn({ refused }, 'settings of the node cannot be made: its pods may reach nobody');
}

function tellOfDamage(leases: LeaseStore, log: Logger): void {
  for (const { sandboxId, why } of leases.damaged())
    log.warn({ sandboxId, why }, 'a lease cannot be read; its addresses go to nobody until its sandbox is removed');
  if (leases.strangers.length > 0) log.warn({ files: leases.strangers }, 'files beside the leases are none');
}
