/** Names of interfaces that a CNI plugin is asked to make. The kernel and the plugins take more: `a;b`, `-x`, `veth%d`. */

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,14}$/;

/** The pod's own, and what the kernel keeps settings of all and of future interfaces under. */
const TAKEN: ReadonlySet<string> = new Set(['lo', 'eth0', 'all', 'default']);

/** podwire's own devices while they are being built. */
const TEMPORARY = /^pw[0-9a-f]{12}$/;

export const CNI_INTERFACE_RULE =
  '1 to 15 letters, digits, "_", "." or "-", a letter or digit first; not lo, eth0, all, default or pw followed by 12 hex digits';

export const isCniInterfaceName = (name: string): boolean =>
  NAME.test(name) && !TAKEN.has(name) && !TEMPORARY.test(name);
