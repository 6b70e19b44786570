/**
 * The network configuration by which podwire is the network of a node's pods. Behind it stand plugins of others, where the node has them: what
 * the runtime tells of a pod's ports and limits (CNI conventions, "capabilities") is theirs to do.
 */
import { DEFAULT_CNI_SOCKET } from './configuration.ts';

/** Where other networks put theirs, so that an administrator finds it; the runtime takes the first file by name. */
export const PRIMARY_FILE = '10-podwire.conflist';

/** In their order: limits apply to what has its port already. */
const BEHIND = [
  { type: 'portmap', capabilities: { portMappings: true } },
  { type: 'bandwidth', capabilities: { bandwidth: true } },
] as const;
export type PluginBehind = (typeof BEHIND)[number]['type'];
/** Types of the plugins that may stand behind podwire. */
export const PLUGINS_BEHIND: readonly PluginBehind[] = BEHIND.map(({ type }) => type);

/**
 * In the version that containerd 1.6 speaks already.
 *
 * @param socket where the node worker answers
 * @param present of `PLUGINS_BEHIND`, those that the node has: one that is named and not there would fail every pod
 */
export function primaryList(socket: string, present: ReadonlySet<PluginBehind>): string {
  const own = {
    ...{ type: 'podwire-cni', mode: 'primary' },
    ...(socket === DEFAULT_CNI_SOCKET ? {} : { socket }),
  };
  const plugins = [own, ...BEHIND.filter(({ type }) => present.has(type))];
  return `${JSON.stringify({ cniVersion: '1.0.0', name: 'podwire', plugins }, null, 2)}\n`;
}
