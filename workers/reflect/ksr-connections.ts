/** Whom the reflector talks to: the Kubernetes API, Temporal, the etcd of KSR's readers. None of them is waited for here. */
import { openReflectStore } from '../../adapters/reflect/reflect-store.ts';
import { createKubeClient, type KubeClient } from '../../adapters/kubernetes/client.ts';
import { timedKube } from '../../adapters/kubernetes/timed.ts';
import type { Logger } from '../../adapters/log/logger.ts';
import { connectClient, type TemporalClient } from '../../adapters/temporal/connection.ts';
import { RotatingCredentials } from '../../adapters/tls/rotation.ts';
import type { KsrConfig } from '../../config/reflect/ksr.ts';
import type { ReflectStore } from '../../domain/ports/reflect-store.ts';
import type { CallMetrics } from '../metrics/call-metrics.ts';
import type { Opened } from '../opened.ts';

export interface KsrConnections {
  readonly credentials: RotatingCredentials;
  readonly kube: KubeClient;
  readonly temporal: TemporalClient;
  readonly store: ReflectStore;
}

/** @throws CredentialError, KubeConfigError */
export function openKsrConnections(
  config: KsrConfig,
  calls: Pick<CallMetrics, 'kubernetes'>,
  log: Logger,
  opened: Opened,
): KsrConnections {
  const credentials = opened.add(new RotatingCredentials(log), (each) => each.stop());
  const { kubeconfig } = config;
  const kube = opened.add(timedKube(createKubeClient({ kubeconfig }), calls.kubernetes), (each) => each.close());
  const store = opened.add(openReflectStore(config.reflect.etcd, credentials), (each) => each.close());
  const temporal = opened.add(connectClient(config.temporal, credentials), (each) => each.close());
  return { credentials, kube, temporal, store };
}
