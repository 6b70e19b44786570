/** `Cluster` on the Kubernetes API. */
import { definitionKey, type NetworkDefinition } from '../../domain/cni/network-definition.ts';
import { eventReason, type EventReasons } from '../../domain/status/event-reasons.ts';
import type { Cluster } from '../../domain/ports/cluster.ts';
import { SingleFlight } from '../concurrency/single-flight.ts';
import type { KubeClient } from './client.ts';
import { getConfigMap, type ConfigMapView } from './config-map.ts';
import { getDefinition } from './definitions.ts';
import { createEvent } from './events.ts';
import { getNode } from './nodes.ts';
import type { PodKeys } from './pod-view.ts';
import { getPod, patchAnnotations, podHasAddress } from './pods.ts';

/**
 * @param keys labels and annotations that the dialects read; nothing else of a pod is kept
 * @param reasons in whose words events are written
 */
export function createCluster(client: KubeClient, keys: PodKeys, reasons: EventReasons = 'podwire'): Cluster {
  // A burst of pods asks for the same few objects: each answer was asked for after everybody who gets it came.
  const configMaps = new SingleFlight<ConfigMapView | undefined>();
  const definitions = new SingleFlight<NetworkDefinition | 'unreadable' | undefined>();
  return {
    pod: (namespace, name) => getPod(client, keys, namespace, name),
    configMap: async (namespace, name) =>
      (await configMaps.run(`${namespace}/${name}`, () => getConfigMap(client, namespace, name)))?.data,
    podHasAddress: (address) => podHasAddress(client, keys, address),
    nodeUid: async (node) => (await getNode(client, node))?.uid,
    definition: (ref) => definitions.run(definitionKey(ref), () => getDefinition(client, ref)),
    publishStatus: (pod, annotations, asRead) =>
      patchAnnotations(client, pod, { annotations, asRead, through: 'status' }),
    createEvent: async (pod, event) => {
      await createEvent(client, { pod, ...event, reason: eventReason(event.reason, reasons) });
    },
  };
}
