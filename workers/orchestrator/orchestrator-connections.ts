/** Whom an orchestrator talks to: etcd, the Kubernetes API, Temporal. None of them is waited for here. */
import { createEtcd, type Etcd } from '../../adapters/etcd/client.ts';
import { openEtcd, type EtcdConnection } from '../../adapters/etcd/open.ts';
import { timedEtcd } from '../../adapters/etcd/timed.ts';
import { createKubeClient, type KubeClient } from '../../adapters/kubernetes/client.ts';
import { timedKube } from '../../adapters/kubernetes/timed.ts';
import type { Logger } from '../../adapters/log/logger.ts';
import { connectClient, type TemporalClient } from '../../adapters/temporal/connection.ts';
import { RotatingCredentials } from '../../adapters/tls/rotation.ts';
import type { OrchestratorConfig } from '../../config/orchestrator.ts';
import type { CallMetrics } from '../metrics/call-metrics.ts';
import type { Opened } from '../opened.ts';

/** One call to the API must give up before a local activity's 2 s allow a second try. */
const API_DEADLINE_MS = 900;

export interface OrchestratorConnections {
  readonly credentials: RotatingCredentials;
  readonly etcd: Etcd;
  /** Another connection to the same etcd, for the entry of this process among those that serve. */
  readonly roster: EtcdConnection;
  readonly kube: KubeClient;
  readonly temporal: TemporalClient;
}

/** @throws CredentialError, KubeConfigError */
export function openOrchestratorConnections(
  config: OrchestratorConfig,
  calls: CallMetrics,
  log: Logger,
  opened: Opened,
): OrchestratorConnections {
  const credentials = opened.add(new RotatingCredentials(log), (each) => each.stop());
  const etcd = opened.add(timedEtcd(createEtcd(config.etcd, credentials), calls.etcd), (each) => each.close());
  const roster = opened.add(openEtcd(config.etcd, credentials), (each) => each.close());
  const { kubeconfig } = config;
  const kube = opened.add(
    timedKube(createKubeClient({ kubeconfig, deadlineMs: API_DEADLINE_MS }), calls.kubernetes),
    (each) => each.close(),
  );
  const temporal = opened.add(connectClient(config.temporal, credentials), (each) => each.close());
  return { credentials, etcd, roster, kube, temporal };
}
