/** `Signals` with a Temporal client: how activities reach other workflows (there is no signalWithStart inside a workflow). */
import type { Client } from '@temporalio/client';
import { DESIRED_CHANGED } from '../../domain/messages.ts';
import { networkKey } from '../../domain/network-selection.ts';
import type { Signals } from '../../domain/ports/cluster.ts';
import { SingleFlight } from '../concurrency/single-flight.ts';
import { SIGNAL_SPACING_MS, signalMesh, signalPod } from './pod-starter.ts';

export function createSignals(client: Client): Signals {
  const joined = new SingleFlight(SIGNAL_SPACING_MS);
  return {
    membersChanged: (network, reason) =>
      joined.run(networkKey(network), async () => {
        await signalMesh(client, network, { reason });
      }),
    podChanged: async (pod, reason) => {
      await signalPod(client, pod, DESIRED_CHANGED, { reason });
    },
  };
}
