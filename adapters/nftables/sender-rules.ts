/**
 * The rules that let only members send to a VXLAN link, as text for `nft -f`. A table for each interface, in the network namespace that the
 * link's UDP socket is in; nobody else's table is named. Every value is parsed and written anew.
 */
import { address, integer, linkName } from '../links/link-values.ts';
import { PodwireError } from '../../domain/failures.ts';
import type { Senders, SendersChange } from '../../domain/forwarding/senders.ts';

/** Before rules of the pod itself, which could only keep out more. */
export const PRIORITY = -300;
/** A UDP header has 8 bytes, VXLAN's flags 4 more; then the VNI. */
export const VNI_OFFSET = 96;
export const VNI_BITS = 24;
/** Members of a line: the kernel takes some kilobytes of elements at once, and nft splits longer ones anyway. */
const PER_LINE = 500;

export const sendersTable = (interfaceName: string): string => `inet podwire_${linkName(interfaceName)}`;

/** One transaction: all of it is done or nothing. */
export function senderLines(interfaceName: string, change: SendersChange): string[] {
  const table = sendersTable(interfaceName);
  switch (change.kind) {
    // Not `add`: what is there already must not get the rule a second time.
    case 'make':
      return [`create table ${table}`, ...content(table, change.senders)];
    case 'replace':
      return [...removal(table), `add table ${table}`, ...content(table, change.senders)];
    case 'change':
      return [
        ...elementLines('add', table, change.family, change.admit),
        ...elementLines('delete', table, change.family, change.refuse),
      ];
    case 'remove':
      return removal(table);
  }
}

/** Without `add`, a table that is not there would be an error; `destroy` is younger than the nft of Debian 12. */
const removal = (table: string): string[] => [`add table ${table}`, `delete table ${table}`];

function content(table: string, { vni, dstPort, family, from }: Senders): string[] {
  const { type, header } = KINDS[family];
  const port = integer('dstport', dstPort, 1, 65535);
  const id = integer('id', vni, 1, 16777215);
  return [
    `add set ${table} members { type ${type} ; }`,
    ...elementLines('add', table, family, from),
    `add chain ${table} input { type filter hook input priority ${PRIORITY} ; policy accept ; }`,
    `add rule ${table} input udp dport ${port} @th,${VNI_OFFSET},${VNI_BITS} ${id} ${header} saddr != @members drop`,
  ];
}

function elementLines(verb: 'add' | 'delete', table: string, family: 4 | 6, addresses: readonly string[]): string[] {
  const lines: string[] = [];
  for (let first = 0; first < addresses.length; first += PER_LINE) {
    const some = addresses.slice(first, first + PER_LINE).map((text) => ofFamily(family, address(text)));
    lines.push(`${verb} element ${table} members { ${some.join(', ')} }`);
  }
  return lines;
}

function ofFamily(family: 4 | 6, text: string): string {
  if (text.includes(':') === (family === 6)) return text;
  throw new PodwireError('InvalidLink', `address ${JSON.stringify(text)} is not usable; allowed: one of IPv${family}`);
}

const KINDS = {
  4: { type: 'ipv4_addr', header: 'ip' },
  6: { type: 'ipv6_addr', header: 'ip6' },
} as const;
