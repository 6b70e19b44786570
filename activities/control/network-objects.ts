/** Activities of the run of a network object (ADR 62), and how that run hears of members. */
import { declaredNetwork, isOfObject } from '../../domain/network-objects/network-object.ts';
import { observationOf, type NetworkObjectRef } from '../../domain/network-objects/status.ts';
import { identityKey, parseConfigMap } from '../../domain/openvnf/config-map.ts';
import type { Cluster } from '../../domain/ports/cluster.ts';
import type { IpCodec } from '../../domain/ports/ip-codec.ts';
import type { NetworkHolds, NetworkObjects } from '../../domain/ports/network-objects.ts';
import type { DialectSettings } from '../../domain/settings.ts';
import type { ControlSteps } from './control-contract.ts';
import type { NetworkObjectSteps } from './network-object-contract.ts';
import { wakeAfterLeaving, wakeWaiting, type WakeDeps } from './wake-waiting.ts';

export interface NetworkObjectDeps extends WakeDeps {
  readonly objects: NetworkObjects;
  readonly holds: NetworkHolds;
  readonly cluster: Pick<Cluster, 'configMap'>;
  readonly ip: IpCodec;
  readonly settings: DialectSettings;
}

export function createNetworkObjectActivities(deps: NetworkObjectDeps): NetworkObjectSteps {
  const { objects, holds } = deps;
  return {
    observeNetworkObject: async (ref) => {
      const [object, use, declaredAs] = await Promise.all([
        objects.read(ref),
        holds.use(declaredNetwork(ref), ref.uid),
        readDeclared(deps),
      ]);
      return observationOf(object, use, declaredAs);
    },
    holdNetworkObject: ({ held, ...ref }) => objects.hold(ref, held),
    reserveNetworkVni: async ({ wanted, ...ref }) => {
      const declaredAs = await readDeclared(deps);
      return holds.reserve(ref, wanted, (vni) => declaredAs(wanted.port, vni) !== undefined);
    },
    releaseNetworkVni: async (ref) => {
      const tunnel = await holds.release(ref);
      // Where an earlier attempt gave it up, nobody knows whether that one came to wake those who wait.
      if (tunnel === undefined) await wakeWaiting(deps);
      else await wakeAfterLeaving(deps, { network: declaredNetwork(ref), tunnels: [tunnel], addresses: [] });
    },
    publishNetworkStatus: ({ status, ...ref }) => objects.publish(ref, status),
  };
}

/** Which network of the ConfigMap has an id. */
async function readDeclared({
  cluster,
  ip,
  settings: { configMapNamespace, configMapName, compatibility },
}: NetworkObjectDeps): Promise<(port: number, vni: number) => string | undefined> {
  const data = await cluster.configMap(configMapNamespace, configMapName);
  const { identities } = parseConfigMap(data ?? {}, ip, compatibility);
  return (port, vni) => identities.get(identityKey(port, vni))?.[0];
}

export interface ObjectTellerDeps {
  readonly holds: Pick<NetworkHolds, 'objectOf'>;
  /** Signals the object's run, or starts one. */
  readonly tell: (object: NetworkObjectRef, reason: string) => Promise<void>;
}

/** The same steps; `recordMesh`, with which each change of members ends, tells the run of the object that declares the network. */
export const tellingObjects = (steps: ControlSteps, { holds, tell }: ObjectTellerDeps): ControlSteps => ({
  ...steps,
  recordMesh: async (input) => {
    await steps.recordMesh(input);
    if (!isOfObject(input)) return;
    const object = await holds.objectOf({ scope: input.scope, name: input.name });
    if (object !== undefined) await tell(object, 'the members changed');
  },
});
