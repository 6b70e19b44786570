/**
 * Which of the kernel's notifications can mean drift, as a program that the kernel runs before it queues them: a pod that talks makes
 * thousands of notifications about neighbours, and none of them may wake anybody.
 *
 * Classic BPF (linux/filter.h) over one netlink message: `struct nlmsghdr`, then the family's header, at byte 16. What is added to a pod is no
 * drift, so that addresses and routes count when they go or are replaced. Forwarding entries of VXLAN devices count when somebody wrote them;
 * neighbours when they are permanent or podwire's, which the protocol says: one that is deleted is told of as failed.
 */
import { ROUTE_PROTOCOL } from '../../links/link-values.ts';
import { RTM_ADDRESS } from './address.ts';
import { RTM_LINK } from './link.ts';
import { NDA, NEIGHBOUR_HEADER, NTF_SELF, NUD_NOARP, NUD_PERMANENT, RTM_NEIGHBOUR } from './neighbour.ts';
import { RTM_ROUTE } from './route.ts';
import { AF } from './values.ts';

/** BPF_LD, BPF_LDX, BPF_JMP, BPF_RET, BPF_MISC with their modes. */
const LOAD_BYTE = 0x30;
const LOAD_BYTE_INDEXED = 0x50;
const LOAD_WORD = 0x20;
const LOAD_NUMBER = 0x00;
const INDEX_NUMBER = 0x01;
const INDEX_IS_LOADED = 0x07;
const IF_EQUAL = 0x15;
const IF_SET = 0x45;
const RETURN = 0x06;
/** SKF_AD_OFF + SKF_AD_NLATTR: the offset of the attribute whose type is in the index, from the offset that is loaded on; 0 if there is none. */
const FIND_ATTRIBUTE = 0xfffff000 + 12;

const BODY = 16;
const AT = {
  type: 4,
  /** Second byte of the flags, which has NLM_F_REPLACE. */
  moreFlags: 7,
  family: BODY,
  addressScope: BODY + 3,
  routeTable: BODY + 4,
  neighbourState: BODY + 8,
  neighbourFlags: BODY + 10,
  attributesOfNeighbour: BODY + NEIGHBOUR_HEADER,
} as const;
const REPLACED = 0x01;
const RT_SCOPE_LINK = 253;
const RT_TABLE_LOCAL = 255;
const ALL_BYTES = 0xffffffff;

interface Line {
  readonly label?: string;
  readonly code: number;
  readonly k: number;
  /** Labels of lines further down; absent: the next one. */
  readonly then?: string;
  readonly otherwise?: string;
}

const line = (code: number, k: number, jumps: Omit<Line, 'code' | 'k'> = {}): Line => ({ code, k, ...jumps });
const load = (at: number, label?: string): Line => line(LOAD_BYTE, at, label === undefined ? {} : { label });

const PROGRAM: readonly Line[] = [
  load(AT.type),
  line(IF_EQUAL, RTM_LINK.NEW, { then: 'link' }),
  line(IF_EQUAL, RTM_LINK.DELETE, { then: 'link' }),
  line(IF_EQUAL, RTM_ADDRESS.DELETE, { then: 'address' }),
  line(IF_EQUAL, RTM_ROUTE.NEW, { then: 'new route' }),
  line(IF_EQUAL, RTM_ROUTE.DELETE, { then: 'route' }),
  line(IF_EQUAL, RTM_NEIGHBOUR.NEW, { then: 'neighbour' }),
  line(IF_EQUAL, RTM_NEIGHBOUR.DELETE, { then: 'neighbour', otherwise: 'drop' }),
  // A port of a bridge: states of its spanning tree.
  load(AT.family, 'link'),
  line(IF_EQUAL, AF.BRIDGE, { then: 'drop', otherwise: 'count' }),
  load(AT.addressScope, 'address'),
  line(IF_EQUAL, RT_SCOPE_LINK, { then: 'drop', otherwise: 'count' }),
  load(AT.moreFlags, 'new route'),
  line(IF_SET, REPLACED, { otherwise: 'drop' }),
  load(AT.routeTable, 'route'),
  line(IF_EQUAL, RT_TABLE_LOCAL, { then: 'drop', otherwise: 'count' }),
  load(AT.family, 'neighbour'),
  line(IF_EQUAL, AF.BRIDGE, { then: 'entry' }),
  load(AT.neighbourState),
  line(IF_SET, NUD_PERMANENT, { then: 'count' }),
  line(INDEX_NUMBER, NDA.PROTOCOL),
  line(LOAD_NUMBER, AT.attributesOfNeighbour),
  line(LOAD_WORD, FIND_ATTRIBUTE),
  line(IF_EQUAL, 0, { then: 'drop' }),
  line(INDEX_IS_LOADED, 0),
  // Behind the attribute's own header.
  line(LOAD_BYTE_INDEXED, 4),
  line(IF_EQUAL, ROUTE_PROTOCOL, { then: 'count', otherwise: 'drop' }),
  load(AT.neighbourFlags, 'entry'),
  line(IF_SET, NTF_SELF, { otherwise: 'drop' }),
  load(AT.neighbourState),
  // What a device learned is reachable, and nothing else.
  line(IF_SET, NUD_PERMANENT | NUD_NOARP, { then: 'count', otherwise: 'drop' }),
  line(RETURN, ALL_BYTES, { label: 'count' }),
  line(RETURN, 0, { label: 'drop' }),
];

/** Bytes of a `struct sock_filter`. */
const INSTRUCTION = 8;

/** `struct sock_filter[]`. */
export const CHANGE_FILTER: Buffer = Buffer.concat(PROGRAM.map(assembled));

function assembled({ code, k, then, otherwise }: Line, at: number): Buffer {
  const distance = (label: string | undefined): number =>
    label === undefined ? 0 : PROGRAM.findIndex((candidate) => candidate.label === label) - at - 1;
  const instruction = Buffer.alloc(INSTRUCTION);
  instruction.writeUInt16LE(code, 0);
  instruction.writeUInt8(distance(then), 2);
  instruction.writeUInt8(distance(otherwise), 3);
  instruction.writeUInt32LE(k, 4);
  return instruction;
}
