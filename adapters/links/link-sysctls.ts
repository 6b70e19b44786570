/** Settings of a link below /proc/sys. */
import { linkName } from './link-values.ts';

/** Paths below /proc/sys and their values. */
export const announcingSysctls = (link: string): [path: string, value: string][] => [
  [`net/ipv4/conf/${linkName(link)}/arp_notify`, '1'],
  [`net/ipv6/conf/${linkName(link)}/ndisc_notify`, '1'],
];

/** Whether the link takes addresses and routes from router advertisements. */
export const acceptsAdvertisements = (link: string): string => `net/ipv6/conf/${linkName(link)}/accept_ra`;
