/** An interface that was made anew, and whose IPAM did not give it the addresses that it had. */
import { networkKey } from '../network-selection.ts';
import type { CniAttachmentSpec } from './attachment.ts';
import type { AttachmentRecord, LinkResult, StepFailure } from '../records.ts';

/**
 * For the pod's owner: programs know the old addresses.
 * @param before the record with the result of the last time, while the interface was being made
 * @returns undefined where nothing changed, or where the pod asks for something else by now
 */
export function changedAddresses(before: AttachmentRecord, now: LinkResult): StepFailure | undefined {
  if (before.kind !== 'cni' || before.result === undefined) return undefined;
  const madeWith = before.madeWith ?? before;
  const isSameNetwork = networkKey(madeWith.network) === networkKey(before.network);
  if (!isSameNetwork || asked(madeWith.cni) !== asked(before.cni)) return undefined;
  const [old, fresh] = [before.result.addresses, now.addresses].map((list) => [...list].sort());
  if (old === undefined || fresh === undefined || old.length === 0 || old.join(' ') === fresh.join(' '))
    return undefined;
  const has = fresh.length === 0 ? 'none' : fresh.join(', ');
  return {
    code: 'AddressChanged',
    message: `made anew, it has ${has} and no longer ${old.join(', ')}: that is what the network's IPAM gave; programs in the pod and its peers may know the old address`,
  };
}

/** Both were written by the same parser, so equal ones have one text. */
const asked = ({ capabilityArgs, configArgs = {}, args }: CniAttachmentSpec): string =>
  JSON.stringify([capabilityArgs, configArgs, args]);
