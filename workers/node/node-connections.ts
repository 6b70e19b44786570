/** Whom a node worker talks to: the programs that it starts, etcd, the container runtime, Temporal. None of them is waited for here. */
import { join } from 'node:path';
import { createCriClient, type CriConnection } from '../../adapters/cri/client.ts';
import { observeRuntime, type ObservedRuntime } from '../../adapters/cri/runtime-health.ts';
import { createSandboxRuntime } from '../../adapters/cri/sandbox-runtime.ts';
import { createEtcd, type WatchedEtcd } from '../../adapters/etcd/client.ts';
import { timedEtcd } from '../../adapters/etcd/timed.ts';
import { createKubeClient, type KubeClient } from '../../adapters/kubernetes/client.ts';
import { timedKube } from '../../adapters/kubernetes/timed.ts';
import type { Logger } from '../../adapters/log/logger.ts';
import { createNetlinkThread, type NetlinkThread } from '../../adapters/netlink/thread.ts';
import { createLauncher, type Launcher } from '../../adapters/process/launcher.ts';
import { ProcessRegistry } from '../../adapters/process/registry.ts';
import { tracedRun } from '../../adapters/process/traced-run.ts';
import type { Tracing } from '../../adapters/tracing/tracing.ts';
import { connectClient, type TemporalClient } from '../../adapters/temporal/connection.ts';
import { RotatingCredentials } from '../../adapters/tls/rotation.ts';
import type { NodeConfig } from '../../config/node.ts';
import type { CallMetrics } from '../metrics/call-metrics.ts';
import type { Opened } from '../opened.ts';

/** What a worker that is to end may still take to finish what it does. */
export const GRACE_MS = 2_000;

/** A node calls Temporal's frontend by itself when a sandbox was made anew or a look found something, and for its checks. */
const IDLE_MS = 20_000;

/** The container runtime waits for it, and comes again. */
const API_DEADLINE_MS = 2_000;

export interface NodeConnections {
  readonly launcher: Launcher;
  readonly netlink: NetlinkThread;
  readonly credentials: RotatingCredentials;
  readonly etcd: WatchedEtcd;
  readonly cri: CriConnection;
  /** The same runtime, watched for whether it answers. */
  readonly runtime: ObservedRuntime;
  readonly temporal: TemporalClient;
  /** undefined: no calls of the container runtime are answered, and nobody else asks the API. */
  readonly kube: KubeClient | undefined;
}

interface OpenedWith {
  readonly log: Logger;
  readonly tracing: Tracing;
  /** Tells the worker to end: after the grace nothing waits for the runtime any more. */
  readonly signal: AbortSignal;
  readonly opened: Opened;
}

/** @throws CredentialError, KubeConfigError */
export function openNodeConnections(
  config: NodeConfig,
  calls: CallMetrics,
  { log, tracing, signal, opened }: OpenedWith,
): NodeConnections {
  const launcher = opened.add(startLauncher(config, tracing, log), (each) => each.close());
  const netlink = opened.add(createNetlinkThread(), (each) => each.close());
  const credentials = opened.add(new RotatingCredentials(log), (each) => each.stop());
  const etcd = opened.add(timedEtcd(createEtcd(config.etcd, credentials), calls.etcd), (each) => each.close());
  const cri = opened.add(createCriClient(config.criSocket), (each) => each.close());
  signal.addEventListener('abort', () => setTimeout(() => cri.close(), GRACE_MS).unref());
  const runtime = observeRuntime(createSandboxRuntime(cri, config.asks));
  const temporal = opened.add(connectClient(config.temporal, credentials, { idleMs: IDLE_MS }), (each) => each.close());
  const kube =
    config.cniSocket === undefined ? undefined : opened.add(connectApi(config, calls), (each) => each.close());
  return { launcher, netlink, credentials, etcd, cri, runtime, temporal, kube };
}

const connectApi = ({ kubeconfig }: NodeConfig, calls: CallMetrics): KubeClient =>
  timedKube(createKubeClient({ kubeconfig, deadlineMs: API_DEADLINE_MS }), calls.kubernetes);

/** Children of a worker that died are ended before new ones are started. */
function startLauncher({ stateDir }: NodeConfig, tracing: Tracing, log: Logger): Launcher {
  const registryDir = join(stateDir, 'children');
  const killed = new ProcessRegistry(registryDir).endSurvivors();
  if (killed.length > 0) log.warn({ pids: killed }, 'ended children that a previous worker left behind');
  const launcher = createLauncher({ registryDir });
  return { ...launcher, run: tracedRun(launcher.run, tracing) };
}
