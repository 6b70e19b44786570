/** Switches of a VXLAN device that make it another kind of device on the wire, by iproute2's words. */
import type { VxlanData } from '../codec/link.ts';

export const FLAGS: readonly (readonly [word: string, isSet: (data: VxlanData) => boolean])[] = [
  ['l2miss', ({ l2miss }) => l2miss],
  ['l3miss', ({ l3miss }) => l3miss],
  ['proxy', ({ proxy }) => proxy],
  ['rsc', ({ rsc }) => rsc],
  ['gbp', ({ gbp }) => gbp],
  ['remcsum_tx', ({ remcsumTx }) => remcsumTx],
  ['remcsum_rx', ({ remcsumRx }) => remcsumRx],
];
