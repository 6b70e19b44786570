/** Who does what the node's container runtime asks podwire's CNI plugin for, put together. */
import { join } from 'node:path';
import { createColdPlug, type ColdPlug, type ColdPlugDeps } from '../../activities/network/cni-server/cold-plug.ts';
import { readStoreState } from '../../adapters/etcd/store-state.ts';
import { openAnnouncedFiles } from '../../adapters/host/announced-files.ts';
import { readBootId } from '../../adapters/host/boot-id.ts';
import { ipCodec } from '../../adapters/ip/ip-codec.ts';
import { createCluster } from '../../adapters/kubernetes/cluster.ts';
import type { PodKeys } from '../../adapters/kubernetes/pod-view.ts';
import type { Logger } from '../../adapters/log/logger.ts';
import { createSandboxRuns } from '../../adapters/temporal/sandbox-runs.ts';
import type { NodeConfig } from '../../config/node.ts';
import type { AnnouncedSandboxes } from '../../domain/ports/announced-sandboxes.ts';
import { KALOOM_ANNOTATION, NPWG_NETWORKS_ANNOTATION, type AskSettings } from '../../domain/settings.ts';
import type { NodeConnections } from './node-connections.ts';

/** Undefined: nobody announces any. */
export function announcedSandboxes({ cniSocket, stateDir }: NodeConfig): AnnouncedSandboxes | undefined {
  return cniSocket === undefined
    ? undefined
    : openAnnouncedFiles(join(stateDir, 'announced'), readBootId(), Date.now());
}

/** The same one, behind another plugin of the chain and behind podwire itself. */
export interface ColdPlugs {
  readonly announced: AnnouncedSandboxes;
  readonly behindOthers: ColdPlug;
  readonly behindPrimary: ColdPlug;
}

interface ColdPlugParts {
  readonly deps: Pick<ColdPlugDeps, 'bootId' | 'failpoints' | 'kernel' | 'store' | 'runtime'>;
  readonly announced: AnnouncedSandboxes | undefined;
}

/** Undefined: no calls of the container runtime are answered. */
export function assembleColdPlug(
  { node, asks }: NodeConfig,
  { kube, etcd, temporal }: NodeConnections,
  { deps, announced }: ColdPlugParts,
  log: Logger,
): ColdPlugs | undefined {
  if (kube === undefined || announced === undefined) return undefined;
  const { bootId, failpoints, kernel, store, runtime } = deps;
  const behind = {
    ...{ node, asks, bootId, failpoints, kernel, store, runtime, announced },
    cluster: createCluster(kube, keysOf(asks)),
    runs: createSandboxRuns(temporal.client),
    probes: [() => temporal.probe(), () => readStoreState(etcd)],
    ip: ipCodec,
    now: () => Date.now(),
    observer: {
      left: (sandboxId: string, why: unknown) => {
        log.warn({ sandboxId, err: why }, 'not all of a sandbox could be taken back in time; it is gone on with');
      },
    },
  };
  return {
    announced,
    behindOthers: createColdPlug({ ...behind, withoutApi: 'waits' }),
    // The API may itself be reached by the network that podwire makes.
    behindPrimary: createColdPlug({ ...behind, withoutApi: 'starts' }),
  };
}

/** By which a pod asks for networks; nothing else of it is of use here. */
const keysOf = ({ selector }: AskSettings): PodKeys => ({
  labels: [selector],
  annotations: [NPWG_NETWORKS_ANNOTATION, KALOOM_ANNOTATION],
  agents: { init: '', main: '' },
});
