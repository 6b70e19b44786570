/** What is asked for when the intent of a wished attachment is to be recorded: names and fingerprints, no configuration. */
import type { Observation, WishedAttachment } from './observation.ts';
import type { AttachmentOwner } from './records.ts';

export interface IntentRequest {
  readonly node: string;
  readonly sandboxId: string;
  readonly interfaceName: string;
  /** Place of the wish among the pod's selections. */
  readonly selection: number;
  /** The inputs the plan was made from; others by now: `stale`. */
  readonly inputsHash: string;
  readonly owner: AttachmentOwner;
}

/** @param sandboxId where the wish is to be carried out */
export function intentRequest(
  { node, inputsHash }: Observation,
  { interfaceName, selection }: WishedAttachment,
  sandboxId: string,
  owner: AttachmentOwner,
): IntentRequest {
  return { node, sandboxId, interfaceName, selection, inputsHash, owner };
}
