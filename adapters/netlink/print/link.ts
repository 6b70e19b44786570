/** Lines of a link, as `ip address show` and `ip -d address show` of iproute2 6.1 write them. */
import type { LinkDetails } from '../codec/link-details.ts';
import { IFF, type LinkMessage } from '../codec/link.ts';
import { kindWords, portWords } from './kinds.ts';
import { groupWord, joined, linkAddressText, linkTypeWord, pair, prefixedHex, type KnownLinks } from './words.ts';

export interface PrintedLink {
  readonly message: LinkMessage;
  readonly details: LinkDetails;
}

const RUNNING = 0x40;
const POINT_TO_POINT = 0x10;

/** IFF_… of linux/if.h, in iproute2's order. */
const FLAGS: readonly (readonly [bit: number, word: string])[] = [
  [0x8, 'LOOPBACK'],
  [0x2, 'BROADCAST'],
  [POINT_TO_POINT, 'POINTOPOINT'],
  [0x1000, 'MULTICAST'],
  [0x80, 'NOARP'],
  [0x200, 'ALLMULTI'],
  [0x100, 'PROMISC'],
  [0x400, 'MASTER'],
  [0x800, 'SLAVE'],
  [0x4, 'DEBUG'],
  [0x8000, 'DYNAMIC'],
  [0x4000, 'AUTOMEDIA'],
  [0x2000, 'PORTSEL'],
  [0x20, 'NOTRAILERS'],
  [IFF.UP, 'UP'],
  [0x10000, 'LOWER_UP'],
  [0x20000, 'DORMANT'],
  [0x40000, 'ECHO'],
];
const KNOWN_FLAGS = FLAGS.reduce((bits, [bit]) => bits | bit, RUNNING);

/** IF_OPER_… of linux/if.h. */
const OPERSTATES = ['UNKNOWN', 'NOTPRESENT', 'DOWN', 'LOWERLAYERDOWN', 'TESTING', 'DORMANT', 'UP'];

/** @param isDetailed as `-d` has it */
export function linkText(link: PrintedLink, links: KnownLinks, isDetailed: boolean): string {
  const { alias, altNames } = link.message;
  const lines = [
    firstLine(link.message, links),
    `    ${addressLine(link)}${isDetailed ? detailWords(link, links) : ''}`,
  ];
  if (isDetailed && alias !== undefined) lines.push(`    alias ${alias}`);
  lines.push(...altNames.map((name) => `    altname ${name}`));
  return lines.map((line) => `${line}\n`).join('');
}

function firstLine(message: LinkMessage, links: KnownLinks): string {
  const { index, name, mtu, qdisc, masterIndex, operstate, group, txQueueLength } = message;
  const { below, isBelowDown } = linkBelow(message, links);
  const words = joined([
    `${index}: ${name}${below}:`,
    `<${flagWords(message.flags).join(',')}${isBelowDown ? ',M-DOWN' : ''}>`,
    `mtu ${mtu}`,
    pair('qdisc', qdisc),
    masterIndex !== undefined && `master ${links.nameOf(masterIndex)}`,
    operstate !== undefined && `state ${OPERSTATES[operstate] ?? prefixedHex(operstate)}`,
    group !== undefined && `group ${groupWord(group)}`,
  ]);
  return txQueueLength === undefined || txQueueLength === 0 ? words : `${words}qlen ${txQueueLength}`;
}

function linkBelow(
  { linkIndex, linkNetnsid }: LinkMessage,
  links: KnownLinks,
): { below: string; isBelowDown: boolean } {
  if (linkIndex === undefined) return { below: '', isBelowDown: false };
  if (linkIndex === 0) return { below: '@NONE', isBelowDown: false };
  if (linkNetnsid !== undefined) return { below: `@if${linkIndex}`, isBelowDown: false };
  return { below: `@${links.nameOf(linkIndex)}`, isBelowDown: links.isDown(linkIndex) };
}

function flagWords(flags: number): string[] {
  const lacksCarrier = (flags & IFF.UP) !== 0 && (flags & RUNNING) === 0;
  const others = (flags & ~KNOWN_FLAGS) >>> 0;
  return [
    ...(lacksCarrier ? ['NO-CARRIER'] : []),
    ...FLAGS.filter(([bit]) => (flags & bit) !== 0).map(([, word]) => word),
    ...(others === 0 ? [] : [others.toString(16)]),
  ];
}

function addressLine({ message, details }: PrintedLink): string {
  const { type, mac, flags, linkNetnsid } = message;
  const { broadcast, protoDown = false, protoDownReasons } = details;
  const between = (flags & POINT_TO_POINT) === 0 ? 'brd' : 'peer';
  return [
    `link/${linkTypeWord(type)} ${linkAddressText(type, mac)}`,
    broadcast === undefined ? '' : ` ${between} ${linkAddressText(type, broadcast)}`,
    linkNetnsid === undefined ? '' : ` link-netnsid ${linkNetnsid < 0 ? 'unknown' : linkNetnsid}`,
    protoDown ? ' protodown on ' : '',
    protoDownReasons === undefined ? '' : `protodown_reason <${bitNumbers(protoDownReasons).join(',')}>`,
  ].join('');
}

const bitNumbers = (bits: number): number[] => [...Array(32).keys()].filter((bit) => (bits & (1 << bit)) !== 0);

function detailWords({ message, details }: PrintedLink, links: KnownLinks): string {
  const first = [pair(' promiscuity', details.promiscuity), pair(' allmulti', details.allmulti)];
  const { kind } = message;
  return [
    joined([...first, pair('minmtu', details.minMtu), pair('maxmtu', details.maxMtu)]),
    kind === undefined ? '' : `\n    ${kind} ${kindWords(message, details, links)}`,
    details.portKind === undefined ? '' : `\n    ${details.portKind}_slave ${portWords(details, links)}`,
    joined([
      pair('numtxqueues', details.txQueues),
      pair('numrxqueues', details.rxQueues),
      pair('gso_max_size', details.gsoMaxSize),
      pair('gso_max_segs', details.gsoMaxSegs),
      pair('tso_max_size', details.tsoMaxSize),
      pair('tso_max_segs', details.tsoMaxSegs),
      pair('gro_max_size', details.groMaxSize),
      pair('portname', details.portName),
      pair('portid', details.portId),
      pair('switchid', details.switchId),
      pair('parentbus', details.parentBus),
      pair('parentdev', details.parentDevice),
    ]),
  ].join('');
}
