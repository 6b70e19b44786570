/** A node worker's adapters, put together: what its activities and its loops work with. */
import { join } from 'node:path';
import type { Registry } from 'prom-client';
import { allowedPlugins } from '../../activities/network/cni/allowed-plugins.ts';
import type { CniDeps, NodeDeps } from '../../activities/network/deps.ts';
import { FdbSync } from '../../activities/network/forwarding/fdb-sync.ts';
import type { SenderFiltering } from '../../activities/network/forwarding/desired-forwarding.ts';
import { NetworkLocks } from '../../activities/network/cni/network-locks.ts';
import { createNodeGate } from '../../activities/network/node-gate.ts';
import { SandboxLocks } from '../../activities/network/sandbox-locks.ts';
import { createNodeNetnsResolver, openRecorded } from '../../activities/network/sandbox-netns.ts';
import { createCniJournal } from '../../adapters/cni/journal.ts';
import { createMultusCache } from '../../adapters/cni/multus-cache.ts';
import { createCniPlugins } from '../../adapters/cni/plugins.ts';
import { withAnnounced } from '../../adapters/cri/announced-runtime.ts';
import { createContainerRuntime } from '../../adapters/cri/container-runtime.ts';
import { createNodeStore } from '../../adapters/etcd/node-store.ts';
import { allowSysctls, READ_ONLY_SYSCTLS } from '../../adapters/host/allow-sysctls.ts';
import { readBootId } from '../../adapters/host/boot-id.ts';
import { loadFailpoints } from '../../adapters/host/failpoints.ts';
import { temporaryName } from '../../adapters/host/temporary-name.ts';
import { createIprouteKernel } from '../../adapters/iproute/node-kernel.ts';
import type { Logger } from '../../adapters/log/logger.ts';
import { createChangeNotices } from '../../adapters/netlink/change-notices.ts';
import { chooseKernel, type ChosenKernel } from '../../adapters/netlink/choose-kernel.ts';
import type { NetlinkThread } from '../../adapters/netlink/thread.ts';
import type { Launcher } from '../../adapters/process/launcher.ts';
import { createSignals } from '../../adapters/temporal/signals.ts';
import { exposeExpiry } from '../../adapters/tls/expiry-metric.ts';
import type { NodeConfig } from '../../config/node.ts';
import { networkKey } from '../../domain/network-selection.ts';
import type { Signals } from '../../domain/ports/cluster.ts';
import type { NodeConnections } from './node-connections.ts';
import { assembleAddresses, createAddressesOfLinks, createPools, type Addresses } from './addresses.ts';
import { createNodeMetrics, type NodeMetrics } from './node-metrics.ts';
import { announcedSandboxes, assembleColdPlug, type ColdPlugs } from './cold-plug.ts';
import { DriftWatch } from './drift-watch.ts';
import { asOwnChanges, notingRecords } from './own-changes.ts';
import { noting, SandboxWatch } from './sandbox-watch.ts';
import { senderFiltering } from './sender-filtering.ts';

export interface NodeAssembly {
  readonly deps: CniDeps;
  readonly signals: Signals;
  readonly watch: SandboxWatch;
  /** undefined: the kernel does not tell of changes by the way that this node has to it. */
  readonly drift: DriftWatch | undefined;
  readonly metrics: NodeMetrics;
  /** undefined: no calls of the container runtime are answered. */
  readonly coldPlug: ColdPlugs | undefined;
  readonly addresses: Addresses;
  readonly kernel: Pick<ChosenKernel, 'access' | 'why'>;
}

/** Looks at what the host allows first, and warns of what it does not. */
export async function assembleNode(
  config: NodeConfig,
  connections: NodeConnections,
  registry: Registry,
  log: Logger,
): Promise<NodeAssembly> {
  const { launcher, netlink, credentials, etcd, cri, temporal } = connections;
  const sysctls = await allowSysctls(launcher.run);
  if (sysctls.kind === 'read-only') log.warn({ why: sysctls.why }, READ_ONLY_SYSCTLS);
  const gateOf = createNodeGate(createContainerRuntime(cri), config.agentInitContainer);
  const failpoints = await loadFailpoints(config.failpointsFile);
  const { kernel, whyNoSenderRules, ...access } = await nodeKernel(config, launcher, netlink, log);
  const notices = access.access === 'netlink' ? createChangeNotices(netlink, config.netnsRoots) : undefined;
  const filtering = await senderFiltering(config.membersOnly, whyNoSenderRules, log);
  const store = noting(createNodeStore(etcd), (sandbox) => watch.noted(sandbox));
  const announced = announcedSandboxes(config);
  const { runtime } = connections;
  const assembled = assemble(config, {
    store: notices === undefined ? store : notingRecords(store, () => drift?.followed),
    runtime: announced === undefined ? runtime : withAnnounced(runtime, announced),
    kernel,
    launcher,
    log,
    filtering,
  });
  const { plugins } = assembled;
  const pools = createPools(etcd);
  const deps = {
    ...assembled,
    addresses: createAddressesOfLinks(etcd, pools),
    ...{ failpoints, gateOf, plugins: notices === undefined ? plugins : asOwnChanges(plugins, notices) },
  };
  const signals = createSignals(temporal.client);
  const watch: SandboxWatch = new SandboxWatch(deps, log, (pod) => signals.podChanged(pod, 'sandbox re-created'));
  const metrics = createNodeMetrics(registry, {
    sandboxes: () => watch.size,
    links: () => deps.fdb.counts(),
    followed: () => drift?.followed.size ?? 0,
    filtering,
  });
  const { node, netnsRoots } = config;
  const drift: DriftWatch | undefined =
    notices === undefined
      ? undefined
      : new DriftWatch({ node, netnsRoots, notices, log, bootId: deps.bootId, fdb: deps.fdb, observer: metrics.drift });
  exposeExpiry(registry, credentials);
  const coldPlug = assembleColdPlug(config, connections, { deps, announced }, log);
  const addresses = assembleAddresses(config, connections, { ...deps, pools }, metrics.addresses, log);
  return { deps, signals, watch, drift, metrics, coldPlug, addresses, kernel: access };
}

/** Warns where it is not netlink although nobody said so. */
async function nodeKernel(
  { netnsRoots, stateDir, linkKernel }: NodeConfig,
  { run }: Launcher,
  thread: NetlinkThread,
  log: Logger,
): Promise<ChosenKernel> {
  const programs = createIprouteKernel({ netnsRoots, run, scratchDir: join(stateDir, 'batches') });
  const chosen = await chooseKernel({ netnsRoots, thread }, programs, run, linkKernel);
  if (chosen.why !== undefined)
    log.warn({ why: chosen.why }, 'netlink cannot be spoken from here: links in pods are worked on by iproute2');
  return chosen;
}

interface AssembledFrom {
  readonly store: NodeDeps['store'];
  readonly runtime: NodeDeps['runtime'];
  readonly kernel: NodeDeps['kernel'];
  readonly launcher: Launcher;
  readonly log: Logger;
  readonly filtering: SenderFiltering;
}

function assemble(
  config: NodeConfig,
  { store, runtime, kernel, launcher, log, filtering }: AssembledFrom,
): Omit<CniDeps, 'gateOf' | 'failpoints'> {
  const bootId = readBootId();
  const { node } = config;
  const journal = createCniJournal(config.cniStateDir);
  const plugins = createCniPlugins({
    binDirs: config.cniBinDirs,
    timeoutMs: config.cniTimeoutMs,
    run: launcher.run,
    log,
  });
  return {
    ...{ node, bootId, store, runtime, kernel, temporaryName },
    serves: (place) => place === node,
    netnsResolver: createNodeNetnsResolver({ kernel, runtime, bootId }),
    sandboxLocks: new SandboxLocks(),
    plugins: allowedPlugins(plugins, config.cniPolicy, journal),
    journal,
    foreign: { cache: createMultusCache(config.multusCniDir), policy: config.cniPolicy },
    networkLocks: new NetworkLocks(),
    onUndoFailed: ({ podUid, sandboxId, interfaceName, network }, failure) => {
      log.warn(
        { podUid, sandboxId, ifName: interfaceName, network: networkKey(network), err: failure },
        'DEL after a failed ADD failed; the next attempt begins with it',
      );
    },
    fdb: new FdbSync({
      node,
      store,
      kernel,
      filtering,
      open: (record, signal) => openRecorded({ kernel }, record, signal),
    }),
  };
}
