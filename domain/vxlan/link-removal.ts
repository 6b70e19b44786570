/** What to do with an attachment's link when it is to go. Pure. */
import { ownerOf } from './link-alias.ts';
import type { NetnsView } from './link-observation.ts';
import type { LinkCommand } from '../ports/link-kernel.ts';

export interface RemovalSpec {
  readonly podUid: string;
  readonly interfaceName: string;
  /** Of the link as it was recorded, if it was: then it is found under another name as well. */
  readonly ifindex?: number | undefined;
  readonly temporaryName: string;
  /** Undo of a failed attach: what was there before stays. Otherwise the owner wants the network gone. */
  readonly giveBackAdopted: boolean;
}

export interface RemovalPlan {
  readonly outcome: 'removed' | 'released' | 'absent' | 'foreign';
  readonly commands: readonly LinkCommand[];
}

/** Removes the link only if its alias says that it is this pod's; leftovers under the temporary name go in any case. */
export function planRemoval(view: NetnsView, spec: RemovalSpec): RemovalPlan {
  const sweep = view.links
    .filter((link) => link.name === spec.temporaryName)
    .map((link): LinkCommand => ({ op: 'remove-link', name: link.name }));
  const swept = sweep.length === 0 ? ('absent' as const) : ('removed' as const);
  const named = view.links.find((link) => link.name === spec.interfaceName);
  const present = [named, view.links.find(({ ifindex }) => ifindex === spec.ifindex)].find(
    (link) => ownerOf(link?.alias)?.podUid === spec.podUid,
  );
  const owner = ownerOf(present?.alias);
  if (present === undefined || owner === undefined)
    return { outcome: named === undefined ? swept : 'foreign', commands: sweep };
  if (owner.adopted && spec.giveBackAdopted) {
    return { outcome: 'released', commands: [...sweep, { op: 'set-alias', name: present.name, alias: '' }] };
  }
  return { outcome: 'removed', commands: [...sweep, { op: 'remove-link', name: present.name }] };
}
