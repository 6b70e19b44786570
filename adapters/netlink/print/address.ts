/** Lines of an address, as `ip address show` of iproute2 6.1 writes them. */
import { IFA_F, type AddressMessage } from '../codec/address.ts';
import { joined, pair, scopeWord } from './words.ts';

const FOR_EVER = 0xffffffff;

/** In iproute2's order. An address that is not permanent is dynamic. */
const FLAGS: readonly (readonly [bit: number, word: string])[] = [
  [IFA_F.SECONDARY, 'secondary'],
  [IFA_F.NODAD, 'nodad'],
  [IFA_F.OPTIMISTIC, 'optimistic'],
  [IFA_F.DADFAILED, 'dadfailed'],
  [IFA_F.HOMEADDRESS, 'home'],
  [IFA_F.DEPRECATED, 'deprecated'],
  [IFA_F.TENTATIVE, 'tentative'],
  [IFA_F.PERMANENT, 'dynamic'],
  [IFA_F.MANAGETEMPADDR, 'mngtmpaddr'],
  [IFA_F.NOPREFIXROUTE, 'noprefixroute'],
  [IFA_F.MCAUTOJOIN, 'autojoin'],
  [IFA_F.STABLE_PRIVACY, 'stable-privacy'],
];
const KNOWN_FLAGS = FLAGS.reduce((bits, [bit]) => bits | bit, 0);

export function addressText(message: AddressMessage): string {
  const { address, peer, prefix, routePriority, broadcast, scope, label = '' } = message;
  const words = joined([
    familyWord(message.family),
    peer === undefined ? `${address}/${prefix}` : `${address} peer ${peer}/${prefix}`,
    pair('metric', routePriority),
    pair('brd', broadcast),
    `scope ${scopeWord(scope)}`,
    ...flagWords(message),
  ]);
  return `    ${words}${label}${lifetimes(message)}\n`;
}

const familyWord = (family: number): string => (family === 4 ? 'inet' : family === 6 ? 'inet6' : `family ${family}`);

function flagWords({ family, flags }: AddressMessage): string[] {
  const words = FLAGS.filter(([bit]) => ((flags & bit) !== 0) !== (bit === IFA_F.PERMANENT)).map(([bit, word]) =>
    bit === IFA_F.SECONDARY && family === 6 ? 'temporary' : word,
  );
  const others = flags & ~KNOWN_FLAGS;
  return others === 0 ? words : [...words, `flags ${others.toString(16).padStart(2, '0')}`];
}

function lifetimes({ cacheInfo, flags }: AddressMessage): string {
  if (cacheInfo === undefined) return '';
  const { valid, preferred } = cacheInfo;
  // The preferred time of a deprecated address may have run below zero.
  const isDeprecated = (flags & IFA_F.DEPRECATED) !== 0;
  return `\n       valid_lft ${seconds(valid)} preferred_lft ${seconds(preferred, isDeprecated)}`;
}

const seconds = (value: number, isSigned = false): string =>
  value === FOR_EVER ? 'forever' : `${isSigned ? value | 0 : value}sec`;
