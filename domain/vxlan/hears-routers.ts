/** What the owner of a pod is told whose link could not be made deaf to IPv6 router advertisements. */
import type { StepFailure } from '../records.ts';

/** @param why what refused it, in its own words */
export const hearsRouters = (why: string): StepFailure => ({
  code: 'RouterAdvertisementsHeard',
  message: `IPv6 router advertisements are not refused, so others on this network may give the pod addresses and a default route (${why}); /proc/sys has to be writable, or nft (package nftables) there, where podwire makes the link`,
});
