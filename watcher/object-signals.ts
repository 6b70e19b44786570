/** From "this network object changed" to a signal for its run: as for pods, with a slot per UID and back-off (pod-signals.ts). */
import type { DefinitionLookup, NetworkDefinition } from '../domain/cni/network-definition.ts';
import type { NetworkObjectRef } from '../domain/network-objects/status.ts';
import { PodSignals } from './pod-signals.ts';

export interface ObjectSignalsOptions {
  /** Delivers one signal, within a limit of its own. */
  readonly send: (object: NetworkObjectRef, reason: string) => Promise<void>;
  readonly onFailed: (object: NetworkObjectRef, error: unknown) => void;
}

export class ObjectSignals {
  readonly #signals: PodSignals;
  readonly #objects = new Map<string, NetworkDefinition>();

  constructor({ send, onFailed }: ObjectSignalsOptions) {
    this.#signals = new PodSignals({
      send: (named, _signal, { reason }) => send(refOf(named), reason),
      onSent: () => undefined,
      onFailed: (_signal, error, _retryInMs, named) => onFailed(refOf(named), error),
    });
  }

  /** What podwire itself writes, status and finalizer, is no change. */
  take(object: NetworkDefinition, isGone: boolean): void {
    if (isGone) {
      this.#objects.delete(object.uid);
      this.#signals.gone(object, true, 'the object is gone');
      return;
    }
    this.#objects.set(object.uid, object);
    this.#signals.observe(object, hashOf(object), true, 'the object changed');
  }

  /** Objects that hold something and are gone: they went while nobody watched, without the finalizer that podwire had put on them. */
  tellMissing(holding: readonly NetworkObjectRef[], lookup: DefinitionLookup): void {
    for (const object of holding) {
      const found = lookup(object);
      if (found === 'absent' || (found !== 'unreadable' && found.uid !== object.uid))
        this.#signals.gone(object, true, 'the object is gone');
    }
  }

  /** What podwire knew of them may be lost. */
  tellAll(reason: string): void {
    for (const object of this.#objects.values()) this.#signals.insist(object, hashOf(object), reason);
  }

  stop(): Promise<void> {
    return this.#signals.stop();
  }
}

const hashOf = ({ generation = 0, deleting }: NetworkDefinition): string => `${generation}/${deleting === true}`;

/** Of the two kinds only one has a namespace. */
const refOf = ({ namespace, name, uid }: Omit<NetworkObjectRef, 'kind'>): NetworkObjectRef => ({
  ...{ kind: namespace === '' ? 'cluster-network' : 'network', namespace, name, uid },
});
