/** What a refusal waits for. Once that is no longer as it was, the pod is tried again by itself. */
import { configNamed, type NodeConfigsRecord } from '../cni/node-configs.ts';
import { networkKey, type NetworkRef } from '../network-selection.ts';

export interface BlockedOn {
  /** `<port>/<vni>` when another network's VNI is in the way. */
  readonly waitsForVni?: string;
  /** `<port>/<vni>` when other pods of the network use another one. */
  readonly waitsForTunnel?: string;
  /** When an address of the network, without prefix length, is another pod's. */
  readonly waitsForAddress?: string;
  /** When the configuration is to come from a file of the pod's node: that is not there, or no use as it is. */
  readonly waitsForConfig?: BlockedOnConfig;
}

/** A configuration in the files of a node. */
interface BlockedOnConfig {
  readonly node: string;
  /** Of the network. */
  readonly name: string;
  /** Hash of the text that was refused; empty: there was none. */
  readonly refused: string;
}

/** Whom `isOutdated` asks. */
export interface BlockedOnFacts {
  /** Key of the network that has a tunnel (`port/id`), if one does. */
  readonly tunnelOwner: (tunnel: string) => Promise<string | undefined>;
  /** Whether another pod keeps this one from a tunnel of its network, as moving-networks.ts has it. */
  readonly isHeldBack: (network: NetworkRef, podUid: string, tunnel: string) => Promise<boolean>;
  /** As `addressHolder` of address-claims.ts has it; undefined: the address is free. */
  readonly addressHolder: (network: NetworkRef, address: string) => Promise<string | undefined>;
  readonly nodeConfigs: (node: string) => Promise<NodeConfigsRecord | undefined>;
}

/** Only what is awaited, of something that says more. */
export const blockedOnOf = ({
  waitsForVni,
  waitsForTunnel,
  waitsForAddress,
  waitsForConfig,
}: BlockedOn): BlockedOn => ({
  ...(waitsForVni === undefined ? {} : { waitsForVni }),
  ...(waitsForTunnel === undefined ? {} : { waitsForTunnel }),
  ...(waitsForAddress === undefined ? {} : { waitsForAddress }),
  ...(waitsForConfig === undefined ? {} : { waitsForConfig }),
});

/** What became free for other pods. */
export interface Freed {
  /** `<port>/<vni>` */
  readonly tunnels: readonly string[];
  readonly network: NetworkRef;
  /** Of the network, without prefix length. */
  readonly addresses: readonly string[];
}

/** Whether a refusal may be over by what became free. */
export function waitsForAny(
  { network, waitsForVni, waitsForTunnel, waitsForAddress }: BlockedOn & { readonly network: NetworkRef },
  freed: Freed,
): boolean {
  if (waitsForVni !== undefined && freed.tunnels.includes(waitsForVni)) return true;
  const isSameNetwork = networkKey(network) === networkKey(freed.network);
  if (waitsForTunnel !== undefined && isSameNetwork) return true;
  return waitsForAddress !== undefined && isSameNetwork && freed.addresses.includes(waitsForAddress);
}

/** What a refused pod waits for. */
export interface Waiting extends BlockedOn {
  readonly podUid: string;
  readonly network: NetworkRef;
}

/** Whether a refusal waits for what is otherwise by now; one that waits for nothing does not. */
export async function isOutdated(
  { podUid, network, waitsForVni, waitsForTunnel, waitsForAddress, waitsForConfig }: Waiting,
  facts: BlockedOnFacts,
  hash: (text: string) => string,
): Promise<boolean> {
  if (waitsForVni !== undefined && !isTakenFrom(network, await facts.tunnelOwner(waitsForVni))) return true;
  if (waitsForTunnel !== undefined && !(await facts.isHeldBack(network, podUid, waitsForTunnel))) return true;
  if (waitsForAddress !== undefined && (await facts.addressHolder(network, waitsForAddress)) === undefined) return true;
  if (waitsForConfig === undefined) return false;
  const { node, name, refused } = waitsForConfig;
  return textHash(configNamed(await facts.nodeConfigs(node), name)?.text, hash) !== refused;
}

/** As `BlockedOnConfig.refused` has it. */
export const textHash = (text: string | undefined, hash: (text: string) => string): string =>
  text === undefined ? '' : hash(text);

/** Whether a network cannot have a VNI. @param owner key of the network that has it, if one does */
export const isTakenFrom = (network: NetworkRef, owner: string | undefined): boolean =>
  owner !== undefined && owner !== networkKey(network);

/** Why a pod whose refusal is outdated is woken. */
export function wakeReason({ waitsForVni, waitsForTunnel, waitsForAddress, waitsForConfig }: BlockedOn): string {
  if (waitsForConfig !== undefined)
    return `the configuration of network ${waitsForConfig.name} in the files of node ${waitsForConfig.node} has changed`;
  if (waitsForTunnel !== undefined) return `no other pod keeps the network from ${waitsForTunnel} (port/id) any more`;
  return waitsForAddress === undefined
    ? `VNI ${waitsForVni?.split('/')[1] ?? ''} is free again`
    : `address ${waitsForAddress} is free again`;
}
