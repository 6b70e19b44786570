/** How many runs of pods are open, as Temporal's visibility counts them (up to two seconds behind). */
import type { Client } from '@temporalio/client';
import { POD_NETWORK, SEARCH_STATE, type ProvisioningState } from '../../domain/messages.ts';
import { bounded } from './connection.ts';

const DEADLINE_MS = 3_000;

/** States that an open run can be in; Temporal groups its counts by none of podwire's attributes. */
const OPEN_STATES = [
  ...(['Converging', 'Detaching', 'Stuck', 'NodeUnavailable'] as const),
  ...(['EtcdUnavailable', 'ApiUnavailable', 'Refused'] as const),
] satisfies readonly ProvisioningState[];

/** By state. @throws PodwireError `TemporalUnavailable` */
export async function countOpenPodRuns(client: Client): Promise<ReadonlyMap<ProvisioningState, number>> {
  const counts = await bounded(client, "count the pods' open runs", DEADLINE_MS, () =>
    Promise.all(
      OPEN_STATES.map(async (state) => {
        const query = `WorkflowType="${POD_NETWORK}" AND ExecutionStatus="Running" AND ${SEARCH_STATE}="${state}"`;
        return [state, (await client.workflow.count(query)).count] as const;
      }),
    ),
  );
  return new Map(counts);
}
