/** One door for a node's runtime: what its configurations say tells whether podwire makes a pod's network or adds others to it. */
import type { JsonObject } from '../../domain/cni/attachment.ts';
import { readMode } from '../../domain/cni-server/configuration.ts';
import { CNI_CODES, CniAnswerError, type PodCni, type PodCniCall } from '../../domain/cni-server/pod-cni.ts';
import type { ServedCommand } from '../../domain/cni-server/versions.ts';

/** @param primary undefined: this node's pods have another network */
export function byMode(chained: PodCni, primary: PodCni | undefined): PodCni {
  const of = (config: PodCniCall['config'], command: ServedCommand): PodCni => {
    if (readMode(config as JsonObject, command) === 'chained') return chained;
    if (primary !== undefined) return primary;
    throw new CniAnswerError(
      CNI_CODES.invalidConfig,
      'the network configuration: mode is "primary"; allowed on this node: "chained", because its node worker runs without --primary',
    );
  };
  // Whatever the network of a pod was when it started, it ends: its pair goes with its namespace, and its lease is found by the collector of the
  // next worker with --primary.
  const whoeverEnds = (config: PodCniCall['config'], command: 'DEL' | 'GC'): PodCni =>
    primary === undefined ? chained : of(config, command);
  return {
    add: async (call, signal, leavePlace) => of(call.config, 'ADD').add(call, signal, leavePlace),
    del: async (call, signal, leavePlace) => whoeverEnds(call.config, 'DEL').del(call, signal, leavePlace),
    check: async (call, signal) => of(call.config, 'CHECK').check(call, signal),
    gc: async (config, valid, signal) => whoeverEnds(config, 'GC').gc(config, valid, signal),
    status: async (config, signal) => of(config, 'STATUS').status(config, signal),
  };
}
