/** Which names are allowed. The kernel is no filter: it takes `a;b`, `-x` and `dev`, and rewrites `veth%d`. */
import type { Compatibility } from '../settings.ts';

const DNS_LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const INTERFACE_NAME = /^[a-z][a-z0-9._-]{0,14}$/;

/** What the original let through of either, as far as etcd, Temporal and the kernel take it: ConfigMap keys (Kubernetes). */
const ORIGINAL_NETWORK_NAME = /^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/;
const ORIGINAL_INTERFACE_NAME = /^[A-Za-z][A-Za-z0-9._-]{0,14}$/;

/** podwire's own devices while they are being built. */
const TEMPORARY_NAME = /^pw[0-9a-f]{12}$/;

/** Words that ip(8) and bridge(8) take for something else than a device where a device name may stand without `dev`. */
const IPROUTE_WORDS: ReadonlySet<string> = new Set(
  (
    'add addr address alias all any brd broadcast change default del delete dev down dst fdb flush group help id index ip link ' +
    'lladdr local mac master monitor mtu name neigh netns nomaster none off on peer remote replace route self set show src to ' +
    'type up vf via vlan vni vrf vxlan xdp'
  ).split(' '),
);

/** The dialect's booleans: `name=true` is what the bare word `name` means. */
const BOOLEANS: ReadonlySet<string> = new Set(['true', 'false']);

/** Every option of the dialect, in the order shown to users; `peer` is another way to write `peers`. */
export const OPTION_NAMES = [
  'id',
  'name',
  'dev',
  'up',
  'ip',
  'route',
  'mtu',
  'dstport',
  'srcport',
  'type',
  'peers',
  'flood',
] as const;
export type OptionName = (typeof OPTION_NAMES)[number];

/** The option a word stands for, or undefined. */
export function optionNamed(word: string): OptionName | undefined {
  return word === 'peer' ? 'peers' : OPTION_NAMES.find((name) => name === word);
}

export const NETWORK_NAME_RULE =
  'a network name has 1 to 63 lower-case letters, digits and "-" (not first, not last) and is no option name';

/** RFC 1123 label in Kubernetes' reading: lower case, at most 63 characters; namespaces have such names. */
export const isDnsLabel = (name: string): boolean => DNS_LABEL.test(name);

/** A DNS-1123 label that cannot be mistaken for an option. */
export const isNetworkName = (name: string, compatibility: Compatibility): boolean =>
  (compatibility === 'kube-vxlan-controller' ? ORIGINAL_NETWORK_NAME.test(name) : isDnsLabel(name)) &&
  optionNamed(name) === undefined;

export const INTERFACE_NAME_RULE =
  'an interface name has 1 to 15 characters: a lower-case letter, then lower-case letters, digits, ".", "_" or "-"; ' +
  'not lo, eth0, a word of the ip command (dev, type, up, …) or pw followed by 12 hex digits';

/** Name for a device that podwire makes. */
export const isInterfaceName = (name: string, compatibility: Compatibility): boolean =>
  name !== 'eth0' && isParentName(name, compatibility);

export const PARENT_NAME_RULE =
  'a device name of the pod, as eth0: 1 to 15 lower-case letters, digits, ".", "_" or "-", a letter first; ' +
  'not lo, a word of the ip command or pw followed by 12 hex digits';

/** Name of the device that carries a tunnel. */
export const isParentName = (name: string, compatibility: Compatibility): boolean =>
  (compatibility === 'kube-vxlan-controller' ? ORIGINAL_INTERFACE_NAME : INTERFACE_NAME).test(name) &&
  name !== 'lo' &&
  !IPROUTE_WORDS.has(name) &&
  !BOOLEANS.has(name) &&
  !TEMPORARY_NAME.test(name);
