/** Kernel settings of a node whose pods are on the primary network (ADR 53, "Consequences"). Paths are below /proc/sys. */

const FORWARDING = { 4: 'net/ipv4/ip_forward', 6: 'net/ipv6/conf/all/forwarding' } as const;
const reversePath = (link: string): string => `net/ipv4/conf/${link}/rp_filter`;
const advertisements = (link: string): string => `net/ipv6/conf/${link}/accept_ra`;

/** What has to be known before anything is changed. @param links names of the folders below `conf/`, of both families */
export const settingsToRead = (links: readonly string[]): string[] => [
  ...Object.values(FORWARDING),
  ...links.flatMap((link) => [reversePath(link), advertisements(link)]),
];

/**
 * In the order in which they are to be written.
 * - Packets are forwarded, in the families that pods have addresses of.
 * - The kernel takes the higher of `all` and the link's own `rp_filter`: where `all` is 2 (loose) no link can be strict. `all` becomes 1 at most,
 *   and every link that is there, and `default`, keeps what was in force for it.
 * - A node that forwards IPv6 hears router advertisements only where `accept_ra` is 2: a link that heard them, and may have its default route by
 *   them, goes on hearing them.
 *
 * @param now what `settingsToRead` names, without what is not there
 */
export function nodeSettings(
  now: ReadonlyMap<string, string>,
  links: readonly string[],
  families: ReadonlySet<4 | 6>,
): ReadonlyMap<string, string> {
  const changed = new Map<string, string>();
  const put = (path: string, value: string): void => {
    if (now.has(path) && now.get(path) !== value) changed.set(path, value);
  };
  const own = links.filter((link) => link !== 'all');
  if (families.has(4)) {
    if (now.get(reversePath('all')) === '2') {
      for (const link of own) put(reversePath(link), '2');
      put(reversePath('all'), '0');
    }
    put(FORWARDING[4], '1');
  }
  if (families.has(6)) {
    const isRouter = now.get(FORWARDING[6]) === '1';
    if (!isRouter) for (const link of own) if (now.get(advertisements(link)) === '1') put(advertisements(link), '2');
    put(FORWARDING[6], '1');
  }
  return changed;
}
