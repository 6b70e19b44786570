/** What to do with an attachment's link when it is to go. Pure. */
import { ownerOf } from './link-alias.ts';
import type { NetnsView } from './link-observation.ts';
import type { LinkCommand } from './ports/link-kernel.ts';

export interface RemovalWish {
  readonly podUid: string;
  readonly interfaceName: string;
  readonly temporaryName: string;
  /** Undo of a failed attach: what was there before stays. Otherwise the owner wants the network gone. */
  readonly giveBackAdopted: boolean;
}

export interface RemovalPlan {
  readonly outcome: 'removed' | 'released' | 'absent' | 'foreign';
  readonly commands: readonly LinkCommand[];
}

/** Removes the link only if its alias says that it is this pod's; leftovers under the temporary name go in any case. */
export function planRemoval(view: NetnsView, wish: RemovalWish): RemovalPlan {
  const sweep = view.links
    .filter((link) => link.name === wish.temporaryName)
    .map((link): LinkCommand => ({ op: 'remove-link', name: link.name }));
  const swept = sweep.length === 0 ? ('absent' as const) : ('removed' as const);
  const present = view.links.find((link) => link.name === wish.interfaceName);
  if (present === undefined) return { outcome: swept, commands: sweep };
  const owner = ownerOf(present.alias);
  if (owner?.podUid !== wish.podUid) return { outcome: 'foreign', commands: sweep };
  if (owner.adopted && wish.giveBackAdopted) {
    return { outcome: 'released', commands: [...sweep, { op: 'set-alias', name: present.name, alias: '' }] };
  }
  return { outcome: 'removed', commands: [...sweep, { op: 'remove-link', name: present.name }] };
}
