/** Networks as their attachments have them. */
import { networkKey } from '../network-selection.ts';
import type { AttachmentRecord } from '../records.ts';

export interface NetworkMember {
  readonly pod: string;
  readonly node: string;
  readonly interface: string;
  readonly phase: AttachmentRecord['phase'];
  /** Of a VXLAN network: where its tunnel ends. */
  readonly vtep?: string;
  readonly mac?: string;
  readonly addresses: readonly string[];
}

export interface NetworkOverview {
  /** `scope/name`. */
  readonly network: string;
  readonly kind: AttachmentRecord['kind'];
  /** `port/id` of VXLAN networks; more than one while its id is changed. */
  readonly tunnels: readonly string[];
  readonly nodes: readonly string[];
  readonly members: readonly NetworkMember[];
}

/** By name. */
export function networksOf(records: readonly AttachmentRecord[]): NetworkOverview[] {
  const byNetwork = new Map<string, AttachmentRecord[]>();
  for (const record of records) {
    const key = networkKey(record.network);
    const known = byNetwork.get(key);
    if (known === undefined) byNetwork.set(key, [record]);
    else known.push(record);
  }
  return [...byNetwork]
    .map(([network, own]): NetworkOverview => ({
      network,
      kind: own[0]?.kind ?? 'cni',
      tunnels: unique(
        own.flatMap((record) => (record.kind === 'vxlan' ? [`${record.link.dstPort}/${record.link.vni}`] : [])),
      ),
      nodes: unique(own.map(({ node }) => node)),
      members: own.map(memberOf).sort((one, other) => (one.pod < other.pod ? -1 : one.pod > other.pod ? 1 : 0)),
    }))
    .sort((one, other) => (one.network < other.network ? -1 : 1));
}

function memberOf(record: AttachmentRecord): NetworkMember {
  const { namespace, name, node, interfaceName, phase, result } = record;
  return {
    ...{ pod: `${namespace}/${name}`, node, interface: interfaceName, phase, addresses: result?.addresses ?? [] },
    ...(record.kind === 'vxlan' ? { vtep: record.vtep } : {}),
    ...(result === undefined ? {} : { mac: result.mac }),
  };
}

const unique = (texts: readonly string[]): string[] => [...new Set(texts)].sort();
