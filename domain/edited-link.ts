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

/**
 * The link, read back once, over which a lane attaches something else; undefined: the attach makes its link, or makes one anew as it was,
 * which of a CNI network the plugins do from the beginning.
 */
export function editedLink(
  { interfaceName, attach, remove }: Lane,
  observation: Observation,
  sandboxId: string,
): KnownAttachment | undefined {
  const known = knownLink(observation, interfaceName, sandboxId);
  if (known?.completed !== true || remove.includes(known)) return undefined;
  const wish = attach?.wish;
  if (wish !== undefined && wish.kind !== known.kind) return undefined;
  const isRepair = wish?.kind === 'cni' && known.linkHash === wish.linkHash && known.hasLastGood !== true;
  return isRepair ? undefined : known;
}
