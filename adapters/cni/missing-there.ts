/**
 * What a plugin lacks where podwire runs it, which in a cluster is the container of the node worker: plugins say it in the words of their
 * libraries, and whoever reads the event has no other way to see that it is not the node itself that lacks it.
 */

/** What plugins' own helpers (iptables, nft, other plugins) are searched in; nothing of the worker's own environment is inherited. */
export const PLUGIN_PATH = '/usr/sbin:/usr/bin:/sbin:/bin';

const PACKAGES: Readonly<Record<string, string>> = {
  iptables: 'iptables',
  ip6tables: 'iptables',
  nft: 'nftables',
  ipset: 'ipset',
  modprobe: 'kmod',
};

/** The next step for who runs the cluster, to be appended to what the plugin said; empty: none is known. */
export function missingThere(said: string): string {
  const program = /exec: "([a-z0-9_.-]{1,40})": executable file not found/.exec(said)?.[1];
  if (program !== undefined) {
    const from = PACKAGES[program] === undefined ? '' : ` (package ${PACKAGES[program]})`;
    return `; ${program} is in none of ${PLUGIN_PATH} where the node worker runs: add it to its image${from}, or to the node when the worker runs on that`;
  }
  if (/\/proc\/sys\/.*read-only file system/i.test(said)) {
    return '; /proc/sys is read-only in the container of the node worker: give it appArmorProfile Unconfined beside SYS_ADMIN, or make it privileged';
  }
  if (/xtables.lock/.test(said)) {
    return "; iptables needs the node's /run/xtables.lock: mount it into the container of the node worker, writable";
  }
  return '';
}
