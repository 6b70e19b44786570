/** The link that an attach is to change, where there is one already (ADR 18). */
import type { RecordedAttachment, Observation } from './observation.ts';
import type { AttachmentTask } from './plan.ts';

/** What is recorded of an interface in one sandbox. */
export const recordedLink = (
  { known: recorded }: Observation,
  interfaceName: string,
  sandboxId: string,
): RecordedAttachment | undefined =>
  recorded.find((record) => record.interfaceName === interfaceName && record.sandboxId === sandboxId);

/**
 * The link, read back once, over which a task attaches something else; undefined: the attach makes its link, or makes one anew as it was,
 * which of a CNI network the plugins do from the beginning.
 */
export function editedLink(
  { interfaceName, attach, remove }: AttachmentTask,
  observation: Observation,
  sandboxId: string,
): RecordedAttachment | undefined {
  const recorded = recordedLink(observation, interfaceName, sandboxId);
  if (recorded?.completed !== true || remove.includes(recorded)) return undefined;
  const desired = attach?.desired;
  if (desired !== undefined && desired.kind !== recorded.kind) return undefined;
  const isRepair = desired?.kind === 'cni' && recorded.linkHash === desired.linkHash && recorded.hasLastGood !== true;
  return isRepair ? undefined : recorded;
}
