/** A pod's addresses on its node, for as long as its sandbox lives and for a while afterwards. */
import type { IpValue } from './subnet.ts';

/** What CNI calls an attachment: `CNI_CONTAINERID` and `CNI_IFNAME`. */
export interface LeaseHolder {
  readonly sandboxId: string;
  readonly ifName: string;
}

export interface Lease extends LeaseHolder {
  readonly pod: { readonly namespace: string; readonly name: string };
  /** One of each family that the node has pod addresses of. */
  readonly addresses: readonly IpValue[];
  /** Grows with each lease of the node: the highest one says where the search goes on. */
  readonly sequence: number;
  /** Milliseconds since 1970. */
  readonly madeAt: number;
  /** Milliseconds since 1970; from then on the addresses rest. */
  readonly releasedAt?: number;
}

/** A sandbox has it; otherwise its addresses rest. */
export const isHeld = ({ releasedAt }: Pick<Lease, 'releasedAt'>): boolean => releasedAt === undefined;

export const holderText = ({ sandboxId, ifName }: LeaseHolder): string => `${sandboxId} ${ifName}`;
