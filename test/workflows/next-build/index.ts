/** podwire's workflows as a later build might have them: a pod's run has one more step, before all others. */
import { proxyLocalActivities } from '@temporalio/workflow';
import type { ControlActivities } from '../../../activities/control/control-contract.ts';
import type { PodNetworkInput } from '../../../domain/messages.ts';
import { CONTROL } from '../../../workflows/steps/activity-options.ts';
import { podNetwork as present } from '../../../workflows/pod-network/pod-network.ts';

export { networkMesh } from '../../../workflows/network-mesh/network-mesh.ts';

const { observePod } = proxyLocalActivities<ControlActivities>(CONTROL);

export async function podNetwork(input: PodNetworkInput): Promise<void> {
  await observePod(input);
  await present(input);
}
