/** What only one pod of a CNI network can have: an address, a MAC that it asked for, a port of its node. Pure. */
import { addressOf } from '../text/cidr.ts';
import type { CniAttachmentSpec } from './attachment.ts';
import { networkKey } from '../network-selection.ts';
import type { AttachmentRecord } from '../records.ts';

export interface Identity {
  /** As people call it. */
  readonly what: string;
  /** Where one pod alone can have it, as a part of a key in etcd. */
  readonly place: string;
}

/** Of a finished attachment. A MAC that nobody asked for is the kernel's choice, or the parent's, which ipvlan shares. */
export function identitiesOf(record: AttachmentRecord): Identity[] {
  if (record.kind !== 'cni' || record.result === undefined) return [];
  // What an intent replaces has what it was made with.
  const made = record.madeWith ?? record;
  const { mac } = made.cni.capabilityArgs;
  const network = `networks/${networkKey(made.network)}`;
  return [
    ...record.result.addresses.map(addressOf).map((address) => ({
      what: `address ${address}`,
      place: `${network}/address/${address}`,
    })),
    ...(mac === undefined ? [] : [{ what: `MAC ${mac}`, place: `${network}/mac/${mac.toLowerCase()}` }]),
    ...hostPortsOf(record.node, made.cni),
  ];
}

/** Whatever network they belong to, they are ports of one node. */
const hostPortsOf = (node: string, { capabilityArgs }: CniAttachmentSpec): Identity[] =>
  (capabilityArgs.portMappings ?? []).map(({ hostPort, protocol, hostIP }) => ({
    what: `host port ${hostPort}/${protocol}${hostIP === undefined ? '' : ` of ${hostIP}`}`,
    place: `nodes/${node}/${protocol}/${hostIP ?? 'any'}/${hostPort}`,
  }));

/** Somebody else who has one of them. */
export interface SharedIdentity {
  readonly what: string;
  /** As `addressHolder` has it. */
  readonly holder: string;
}
