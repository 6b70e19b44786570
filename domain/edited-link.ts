/** The link that an attach is to change, where there is one already (ADR 18). */
import type { KnownAttachment, Observation } from './observation.ts';
import type { Lane } from './plan.ts';

/** What is recorded of an interface in one sandbox. */
export const knownLink = (
  { known }: Observation,
  interfaceName: string,
  sandboxId: string,
): KnownAttachment | undefined =>
  known.find((record) => record.interfaceName === interfaceName && record.sandboxId === sandboxId);

/** The VXLAN link, read back once, over which a lane attaches; undefined: the attach makes its link. */
export function editedLink(
  { interfaceName, attach, remove }: Lane,
  observation: Observation,
  sandboxId: string,
): KnownAttachment | undefined {
  const known = knownLink(observation, interfaceName, sandboxId);
  if (known === undefined || remove.includes(known)) return undefined;
  return attach?.wish.kind !== 'cni' && known.completed ? known : undefined;
}
