/** Settings of a node worker. */
import { z } from 'zod';
import type { EtcdOptions } from '../adapters/etcd/client.ts';
import type { ServerAddress } from '../domain/cni-server/configuration.ts';
import { parseHook } from '../domain/primary/hooks.ts';
import type { AskSettings, CniPolicy } from '../domain/settings.ts';
import { splitAddress } from '../adapters/http/web-server.ts';
import type { LogLevel } from '../adapters/log/logger.ts';
import type { TemporalOptions } from '../adapters/temporal/connection.ts';
import { agentInitContainerSetting } from './agents.ts';
import { describeSettings, readSettings, type SettingsTable, type Values } from './cli-flags.ts';
import type { SettingsFile } from './settings-file.ts';
import {
  addressText,
  askSettings,
  cniPolicySettings,
  fileSettings,
  kubernetesSettings,
  logSettings,
  seconds,
  switched,
} from './common.ts';
import { etcdOf, etcdSettings } from './etcd.ts';
import { primaryMeshOf, primaryMeshSettings, type PrimaryMeshConfig } from './primary-mesh.ts';
import { temporalOf, temporalSettings } from './temporal.ts';

/** podwire as the network of the node's pods. */
interface PrimaryConfig {
  readonly enabled: boolean;
  /** Folder of leases, node ID and pod subnets. */
  readonly dir: string;
  /** Of pods' interfaces; undefined: that of `contivYaml`, or what a tunnel leaves of 1500. */
  readonly mtu: number | undefined;
  /** File that says which addresses nodes have by their IDs; undefined: the Node object does. */
  readonly contivYaml: string | undefined;
  /** Activities of other teams, `queue/activity`, in the order in which they are called. */
  readonly hooks: { readonly postAdd: readonly string[]; readonly preRemoval: readonly string[] };
  readonly mesh: PrimaryMeshConfig;
}

export interface NodeConfig {
  readonly node: string;
  /** UID of the Node object; empty when not told. */
  readonly temporal: TemporalOptions;
  readonly etcd: EtcdOptions;
  readonly criSocket: string;
  readonly netnsRoots: readonly string[];
  readonly stateDir: string;
  readonly cniBinDirs: readonly string[];
  readonly cniStateDir: string;
  readonly cniConfDir: string | undefined;
  readonly multusCniDir: string;
  /** Where calls of the node's container runtime are answered; undefined: they are not. */
  readonly cniSocket: string | undefined;
  /** Of whoever reads the pods of these calls; undefined: the service account of the pod that this runs in. */
  readonly kubeconfig: string | undefined;
  /** The runtime's folder of network configurations, in which podwire puts itself behind the node's own, or as it; undefined: somebody else does. */
  readonly cniChainDir: string | undefined;
  /** Where contiv's plugin, and podwire's under its name, are answered too; undefined: they are not. */
  readonly contivAddress: ServerAddress | undefined;
  readonly primary: PrimaryConfig;
  /** That of the orchestrators, looked at once more before a plugin is started. */
  readonly cniPolicy: CniPolicy;
  /** Those of the watcher: which pods' sandboxes are published before anybody asks. */
  readonly asks: AskSettings;
  /** Of one execution of one plugin. */
  readonly cniTimeoutMs: number;
  /** Between two sweeps, in milliseconds; 0: none by themselves. */
  readonly sweepMs: number;
  /** Whether VXLAN links take packets from members of their network only. */
  readonly membersOnly: boolean;
  /** How links in pods are worked on; undefined: by netlink where it can be spoken. */
  readonly linkKernel: 'netlink' | 'iproute2' | undefined;
  readonly agentInitContainer: string;
  readonly bindAddress: string;
  readonly failpointsFile: string | undefined;
  readonly logLevel: LogLevel;
}

/** One that does not answer holds up those behind it for some seconds. */
const MOST_HOOKS = 16;

const absolutePath = z
  .string()
  .regex(/^(\/(?!\.\.?(\/|$))[A-Za-z0-9._-]+)+$/, 'must be an absolute path without ., .. or a slash at its end');

/** sun_path of sockaddr_un, with its zero at the end. */
const socketPath = absolutePath.max(107, 'must have 107 characters at most');

const hooks = z
  .string()
  .default('')
  .transform((text) => text.split(',').flatMap((part) => (part.trim() === '' ? [] : [part.trim()])))
  .refine((all) => all.every((each) => parseHook(each) !== undefined), 'must be queue/activity, separated by commas')
  .refine((all) => new Set(all).size === all.length, 'must name each hook once')
  .refine((all) => all.length <= MOST_HOOKS, `must be ${MOST_HOOKS} at most`);

const loopback = z
  .string()
  .regex(/^(127\.0\.0\.1|\[::1\]):[1-9]\d{0,4}$/, 'must be a path, 127.0.0.1:port or [::1]:port')
  .transform(splitAddress);

export const nodeSettings = {
  ...fileSettings,
  node: {
    flag: 'node-name',
    env: 'PODWIRE_NODE_NAME',
    schema: z.string().regex(/^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/, 'must be the name of the Node object'),
    help: 'name of the node that this worker serves',
  },
  ...temporalSettings,
  ...etcdSettings,
  criSocket: {
    flag: 'cri-socket',
    env: 'PODWIRE_CRI_SOCKET',
    schema: z
      .string()
      .default('/run/containerd/containerd.sock')
      .transform((text) => text.replace(/^unix:\/\//, ''))
      .pipe(absolutePath),
    help: "Unix socket of the node's container runtime",
  },
  netnsRoots: {
    flag: 'netns-roots',
    env: 'PODWIRE_NETNS_ROOTS',
    schema: z
      .string()
      .default('/run/netns,/var/run/netns')
      .transform((text) => text.split(',').map((part) => part.trim()))
      .pipe(z.array(absolutePath)),
    help: "folders right below which pods' network namespaces are accepted, separated by commas",
  },
  stateDir: {
    flag: 'state-dir',
    env: 'PODWIRE_STATE_DIR',
    schema: absolutePath.default('/run/podwire'),
    help: 'folder of this worker alone, for notes about running children',
  },
  cniBinDirs: {
    flag: 'cni-bin-dir',
    env: 'PODWIRE_CNI_BIN_DIRS',
    schema: z
      .string()
      .default('/opt/cni/bin,/usr/lib/cni')
      .transform((text) => text.split(',').map((part) => part.trim()))
      .pipe(z.array(absolutePath)),
    help: 'folders that hold CNI plugins, separated by commas, searched in this order',
  },
  cniStateDir: {
    flag: 'cni-state-dir',
    env: 'PODWIRE_CNI_STATE_DIR',
    schema: absolutePath.default('/var/lib/podwire/cni'),
    help: 'folder of this worker alone, for its journal of CNI attachments; must outlive the worker',
  },
  ...cniPolicySettings,
  ...askSettings,
  cniConfDir: {
    flag: 'cni-conf-dir',
    env: 'PODWIRE_CNI_CONF_DIR',
    schema: absolutePath.optional(),
    help: 'folder of CNI configurations that definitions without spec.config name; none: such definitions are refused here',
  },
  multusCniDir: {
    flag: 'multus-cni-dir',
    env: 'PODWIRE_MULTUS_CNI_DIR',
    schema: absolutePath.default('/var/lib/cni/multus'),
    help: "Multus' cniDir, where it keeps what it attached with; read for --npwg-adopt-foreign",
  },
  cniSocket: {
    flag: 'cni-socket',
    env: 'PODWIRE_CNI_SOCKET',
    schema: socketPath.optional(),
    help: "Unix socket where podwire's CNI plugin is answered, /run/podwire/cni.sock unless the plugin's configuration says otherwise; none: it is not",
  },
  kubeconfig: {
    ...kubernetesSettings.kubeconfig,
    help: 'kubeconfig file, for --cni-socket alone; without one, the service account of the pod',
  },
  cniChainDir: {
    flag: 'cni-chain-dir',
    env: 'PODWIRE_CNI_CHAIN_DIR',
    schema: absolutePath.optional(),
    help: "the runtime's folder of network configurations: podwire puts itself behind the first one there, and with --primary its own network, 10-podwire.conflist; none: whoever configures the runtime does; needs --cni-socket",
  },
  contivAddress: {
    flag: 'contiv-cni-address',
    env: 'PODWIRE_CONTIV_CNI_ADDRESS',
    schema: z.union([socketPath.transform((path) => ({ path })), loopback]).optional(),
    help: 'what configurations of contiv-cni name as grpcServer: a Unix socket, or a port of 127.0.0.1 or [::1], which every process of the node may use; needs --cni-socket',
  },
  primary: {
    flag: 'primary',
    env: 'PODWIRE_PRIMARY',
    schema: switched(false),
    help: 'true: network configurations with mode "primary" are served, podwire is the network of this node\'s pods; needs --cni-socket',
  },
  primaryDir: {
    flag: 'primary-dir',
    env: 'PODWIRE_PRIMARY_DIR',
    schema: absolutePath.default('/var/lib/podwire/primary'),
    help: "folder of this worker alone, for the addresses of pods; must outlive the node's reboots",
  },
  primaryMtu: {
    flag: 'primary-mtu',
    env: 'PODWIRE_PRIMARY_MTU',
    schema: z.coerce.number().int().min(1280).max(65_535).optional(),
    help: "MTU of pods' interfaces; none: that of --primary-contiv-config, or what the tunnels leave of the link between nodes (50 less, 70 where nodes have IPv6 addresses) when the pod starts",
  },
  primaryContivConfig: {
    flag: 'primary-contiv-config',
    env: 'PODWIRE_PRIMARY_CONTIV_CONFIG',
    schema: absolutePath.optional(),
    help: "contiv.yaml, by which pods have the addresses of contiv and nodes its IDs in etcd; none: the Node object's podCIDRs",
  },
  ...primaryMeshSettings,
  postAddHooks: {
    flag: 'post-add-hooks',
    env: 'PODWIRE_POST_ADD_HOOKS',
    schema: hooks,
    help: 'activities of Temporal that are called when a pod of the primary network has it, queue/activity, separated by commas, called in this order',
  },
  preRemovalHooks: {
    flag: 'pre-removal-hooks',
    env: 'PODWIRE_PRE_REMOVAL_HOOKS',
    schema: hooks,
    help: 'the same for pods that are about to lose it; a DEL waits for them for 5 s at most',
  },
  cniTimeout: {
    flag: 'cni-timeout',
    env: 'PODWIRE_CNI_TIMEOUT',
    // The activity around a chain and its undo has 60 s.
    schema: seconds(50, 1, 50),
    help: 'seconds after which one execution of a CNI plugin is ended, with all its children',
  },
  sweepMs: {
    flag: 'sweep-seconds',
    env: 'PODWIRE_SWEEP_SECONDS',
    schema: seconds(60, 0, 86_400),
    help: 'seconds between two sweeps of this node for leaks and drift; 0: only when a person asks',
  },
  membersOnly: {
    flag: 'members-only',
    env: 'PODWIRE_MEMBERS_ONLY',
    schema: switched(true),
    help: "true: VXLAN links take packets from members of their network only, by nftables in the pod's network namespace; false: from everybody",
  },
  linkKernel: {
    flag: 'link-kernel',
    env: 'PODWIRE_LINK_KERNEL',
    schema: z
      .enum(['auto', 'netlink', 'iproute2'])
      .default('auto')
      .transform((value) => (value === 'auto' ? undefined : value)),
    help: 'netlink: links in pods are worked on by messages to the kernel; iproute2: by programs; auto: netlink, or iproute2 where that cannot be',
  },
  ...agentInitContainerSetting,
  bindAddress: {
    flag: 'bind-address',
    env: 'PODWIRE_BIND_ADDRESS',
    schema: addressText.default('127.0.0.1:9466'),
    help: 'where /healthz, /readyz and /metrics are served',
  },
  failpointsFile: {
    env: 'PODWIRE_FAILPOINTS_FILE',
    schema: z.string().optional(),
    help: 'crash tests only: JSON file of places where this process shall die, wait or fail',
  },
  ...logSettings,
} as const satisfies SettingsTable;

/** @throws ConfigError with every mistake */
export function readNodeConfig(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  file?: SettingsFile,
): NodeConfig {
  const values = readSettings(nodeSettings, argv, env, file);
  return {
    node: values.node,
    criSocket: values.criSocket,
    netnsRoots: values.netnsRoots,
    stateDir: values.stateDir,
    cniBinDirs: values.cniBinDirs,
    cniStateDir: values.cniStateDir,
    cniConfDir: values.cniConfDir,
    multusCniDir: values.multusCniDir,
    cniSocket: values.cniSocket,
    kubeconfig: values.kubeconfig,
    contivAddress: values.contivAddress,
    cniChainDir: values.cniChainDir,
    primary: primaryOf(values),
    cniPolicy: { pluginTypes: values.cniPluginTypes, hostKeys: values.cniHostKeys },
    asks: { selector: values.selector, npwg: { enabled: values.npwg }, kaloom: { enabled: values.kaloom } },
    cniTimeoutMs: values.cniTimeout,
    sweepMs: values.sweepMs,
    membersOnly: values.membersOnly,
    linkKernel: values.linkKernel,
    agentInitContainer: values.agentInitContainer,
    bindAddress: values.bindAddress,
    failpointsFile: values.failpointsFile,
    logLevel: values.logLevel,
    temporal: temporalOf(values),
    etcd: etcdOf(values),
  };
}

const primaryOf = (values: Values<typeof nodeSettings>): PrimaryConfig => ({
  enabled: values.primary,
  dir: values.primaryDir,
  mtu: values.primaryMtu,
  contivYaml: values.primaryContivConfig,
  mesh: primaryMeshOf(values),
  hooks: { postAdd: values.postAddHooks, preRemoval: values.preRemovalHooks },
});

export const nodeHelp = (): string => `Options and environment variables:\n${describeSettings(nodeSettings)}\n`;
