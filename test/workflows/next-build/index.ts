/** podwire's workflows as a later build might have them: a pod's run has one more step, before all others. */
import { proxyLocalActivities } from '@temporalio/workflow';
import type { ControlActivities } from '../../../activities/control/inputs.ts';
import type { PodNetworkInput } from '../../../domain/messages.ts';
import { CONTROL } from '../../../workflows/activity-options.ts';
import { podNetwork as present } from '../../../workflows/pod-network.ts';

export { networkMesh } from '../../../workflows/network-mesh.ts';

const { observePod } = proxyLocalActivities<ControlActivities>(CONTROL);

export async function podNetwork(input: PodNetworkInput): Promise<void> {
  await observePod(input);
  await present(input);
}
