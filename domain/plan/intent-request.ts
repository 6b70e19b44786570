/** What is asked for when the intent of a desired attachment is to be recorded: names and fingerprints, no configuration. */
import { recordedLink } from './edited-link.ts';
import type { Observation, DesiredAttachment } from './observation.ts';
import type { AttachmentOwner } from '../records.ts';

export interface IntentRequest {
  readonly node: string;
  readonly sandboxId: string;
  readonly interfaceName: string;
  /** Place of the desired network among the pod's selections. */
  readonly selection: number;
  /** The inputs the plan was made from; others by now: `stale`. */
  readonly inputsHash: string;
  /** Generation of what the plan saw on the interface, 0 for nothing; an attached record of another one: `stale`. */
  readonly knownGeneration: number;
  readonly owner: AttachmentOwner;
}

/** @param sandboxId where the desired network is to be carried out */
export function intentRequest(
  observation: Observation,
  { interfaceName, selection }: DesiredAttachment,
  sandboxId: string,
  owner: AttachmentOwner,
): IntentRequest {
  const { node, inputsHash } = observation;
  const knownGeneration = recordedLink(observation, interfaceName, sandboxId)?.generation ?? 0;
  return { node, sandboxId, interfaceName, selection, inputsHash, knownGeneration, owner };
}
