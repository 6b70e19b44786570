/** Network objects as the API keeps them: a deleted one stays until its finalizer is off. A fake, so that an object can go at an exact moment of its run. */
import { readNetworkSpec } from '../../adapters/kubernetes/network-objects.ts';
import { definitionKey, type NetworkDefinition } from '../../domain/cni/network-definition.ts';
import type { NetworkObjectRef, NetworkStatus } from '../../domain/network-objects/status.ts';
import type { NetworkObject, NetworkObjects } from '../../domain/ports/network-objects.ts';
import type { FakeCluster } from './fake-cluster.ts';

export class FakeNetworkObjects implements NetworkObjects {
  readonly #cluster: Pick<FakeCluster, 'definitions'>;
  readonly #objects = new Map<string, NetworkObject>();
  /** Statuses in the order in which they were written, by UID. */
  readonly written = new Map<string, { readonly at: number; readonly status: NetworkStatus }[]>();
  #made = 0;

  constructor(cluster: Pick<FakeCluster, 'definitions'>) {
    this.#cluster = cluster;
  }

  /** Applies a ClusterNetwork of a name of its own. */
  apply(spec: object): NetworkObjectRef {
    const name = `net${(this.#made += 1)}`;
    const ref: NetworkObjectRef = { kind: 'cluster-network', namespace: '', name, uid: `uid-of-${name}` };
    const definition = { ...ref, config: '', plugin: '', declares: readNetworkSpec(spec), generation: 1 };
    this.#put({ definition, held: false, status: undefined });
    return ref;
  }

  delete({ uid }: NetworkObjectRef): void {
    const found = this.#objects.get(uid);
    if (found === undefined) return;
    if (found.held) this.#put({ ...found, definition: { ...found.definition, deleting: true, generation: 2 } });
    else this.#drop(found.definition);
  }

  /** Undefined: it is gone. */
  find({ uid }: NetworkObjectRef): NetworkObject | undefined {
    return this.#objects.get(uid);
  }

  readonly read: NetworkObjects['read'] = async ({ uid }) => this.#objects.get(uid);

  readonly hold: NetworkObjects['hold'] = async ({ uid }, held) => {
    const found = this.#objects.get(uid);
    if (found === undefined || (held && found.definition.deleting === true)) return false;
    if (!held && found.definition.deleting === true) this.#drop(found.definition);
    else this.#put({ ...found, held });
    return true;
  };

  readonly publish: NetworkObjects['publish'] = async ({ uid }, status) => {
    const found = this.#objects.get(uid);
    if (found === undefined) return false;
    const { vni } = status;
    this.#put({
      ...found,
      status,
      definition: { ...found.definition, ...(vni === undefined ? {} : { allocatedVni: vni }) },
    });
    this.written.set(uid, [...(this.written.get(uid) ?? []), { at: performance.now(), status }]);
    return true;
  };

  #put(object: NetworkObject): void {
    this.#objects.set(object.definition.uid, object);
    this.#cluster.definitions.set(definitionKey(object.definition), object.definition);
  }

  #drop(definition: NetworkDefinition): void {
    this.#objects.delete(definition.uid);
    this.#cluster.definitions.delete(definitionKey(definition));
  }
}
