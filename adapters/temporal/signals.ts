/** `Signals` with a Temporal client: how activities reach other workflows (there is no signalWithStart inside a workflow). */
import type { Client } from '@temporalio/client';
import { DESIRED_CHANGED, MESSAGE_VERSION } from '../../domain/messages.ts';
import type { Signals } from '../../domain/ports/cluster.ts';
import { signalMesh, signalPod } from './pod-starter.ts';

export function createSignals(client: Client): Signals {
  return {
    membersChanged: async (network, reason) => {
      await signalMesh(client, network, { v: MESSAGE_VERSION, reason });
    },
    podChanged: async (pod, reason) => {
      await signalPod(client, pod, DESIRED_CHANGED, { v: MESSAGE_VERSION, reason });
    },
  };
}
