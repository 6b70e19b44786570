/**
 * Commands as lines for `ip -batch` and `bridge -batch`. Every value is parsed and written anew; nothing that was read from a
 * record or a task reaches a line as it came, and what does not parse is refused.
 */
import { ROUTE_PROTOCOL, address, aliasText, cidr, integer, invalid, linkName, mac } from '../links/link-values.ts';
import { isIP } from 'node:net';
import type { FdbEntry } from '../../domain/forwarding/fdb.ts';
import type { Neighbour } from '../../domain/forwarding/neighbours.ts';
import type { LinkCommand } from '../../domain/ports/link-kernel.ts';

type ContentCommand = Extract<LinkCommand, { cidr: string } | { destination: string }>;
type LinkOnlyCommand = Exclude<LinkCommand, ContentCommand>;

/**
 * The lines of a command, in order. The kernel announces an address at once only where it does not ask for it already: of two announcements within
 * three seconds the second would wait for the next of its questions, which come a second apart. Its own entry is made to have failed before.
 * @throws PodwireError InvalidLink for a value that is not of its kind
 */
export const ipLines = (command: LinkCommand): readonly string[] =>
  command.op === 'announce'
    ? [`neigh replace ${address(command.address)} dev ${linkName(command.name)} nud failed`, ipLine(command)]
    : [ipLine(command)];

/** One line without its line feed. Throws InvalidLink for a value that is not of its kind. */
export function ipLine(command: LinkCommand): string {
  return 'cidr' in command || 'destination' in command ? contentLine(command) : linkLine(command);
}

function linkLine(command: LinkOnlyCommand): string {
  const name = linkName(command.name);
  switch (command.op) {
    case 'add-vxlan':
      return addLine(command);
    case 'rename':
      return `link set dev ${name} name ${linkName(command.to)}`;
    case 'prefer-default':
    case 'unprefer-default':
    case 'drop-default':
      return `route ${defaultRouteWords(command)}`;
    // Asking for its own address is what RFC 5227 calls an announcement. The kernel asks when somebody says that he uses a neighbour.
    case 'announce':
      return `neigh replace ${address(command.address)} dev ${name} use`;
    case 'remove-link':
      return `link delete dev ${name}`;
    default:
      return `link set dev ${name} ${settingWords(command)}`;
  }
}

type DefaultCommand = Extract<LinkOnlyCommand, { op: `${string}-default` }>;

/** IPv4 keeps routes of one metric in order; IPv6 would share the traffic between them, so the preferred one gets the better metric. */
function defaultRouteWords(command: DefaultCommand): string {
  const name = linkName(command.name);
  if (command.op === 'drop-default' && command.gateway === undefined) return `delete 0.0.0.0/0 dev ${name}`;
  const gateway = address(command.gateway ?? '');
  if (command.op === 'drop-default')
    return `delete ${isIP(gateway) === 4 ? '0.0.0.0/0' : '::/0'} via ${gateway} dev ${name}`;
  const add = command.op === 'prefer-default';
  return isIP(gateway) === 4
    ? `${add ? 'prepend' : 'delete'} 0.0.0.0/0 via ${gateway} dev ${name} proto ${ROUTE_PROTOCOL}`
    : `${add ? 'add' : 'delete'} ::/0 via ${gateway} dev ${name} metric 1 proto ${ROUTE_PROTOCOL}`;
}

type SettingCommand = Extract<LinkOnlyCommand, { op: `set-${string}` | 'announce-all' }>;

function settingWords(command: SettingCommand): string {
  switch (command.op) {
    case 'set-alias':
      return `alias ${aliasText(command.alias) || '""'}`;
    // The MAC that a link has, set again, is announced again.
    case 'announce-all':
    case 'set-mac':
      return `address ${mac(command.mac)}`;
    case 'set-mtu':
      return `mtu ${integer('mtu', command.mtu, 68, 65535)}`;
    case 'set-nolearning':
      return 'type vxlan nolearning';
    case 'set-up':
      return 'up';
    case 'set-down':
      return 'down';
  }
}

function addLine(command: Extract<LinkCommand, { op: 'add-vxlan' }>): string {
  const mtu = integer('mtu', command.mtu, 68, 65535);
  const vni = integer('id', command.vni, 1, 16777215);
  const port = integer('dstport', command.dstPort, 1, 65535);
  const local = command.local === undefined ? '' : ` local ${address(command.local)}`;
  const { first, last } = command.srcPorts ?? {};
  const source =
    first === undefined || last === undefined
      ? ''
      : ` srcport ${integer('srcport', first, 1, 65535)} ${integer('srcport', last, 1, 65535)}`;
  const tunnel = `vxlan id ${vni} dstport ${port}${source} dev ${linkName(command.parent)} nolearning${local}`;
  const own = command.mac === undefined ? '' : ` address ${mac(command.mac)}`;
  return `link add name ${linkName(command.name)} mtu ${mtu}${own} type ${tunnel}`;
}

function contentLine(command: ContentCommand): string {
  const name = linkName(command.name);
  switch (command.op) {
    // Without nodad a new IPv6 address could not be used for a second.
    case 'add-address':
      return `address add ${cidr(command.cidr)} dev ${name}${command.cidr.includes(':') ? ' nodad' : ''}`;
    case 'remove-address':
      return `address delete ${cidr(command.cidr)} dev ${name}`;
    case 'add-route':
    case 'remove-route': {
      const verb = command.op === 'add-route' ? 'add' : 'delete';
      return `route ${verb} ${cidr(command.destination)} via ${address(command.gateway)} dev ${name} proto ${ROUTE_PROTOCOL}`;
    }
  }
}

/** A line that makes or deletes one permanent entry of a VXLAN device. */
export function fdbLine(verb: 'append' | 'replace' | 'delete', link: string, entry: FdbEntry): string {
  return `fdb ${verb} ${mac(entry.mac)} dev ${linkName(link)} ${entryWords(entry)}`;
}

const knownWords = new WeakMap<FdbEntry, string>();

/** Remembered per object: a network's devices share theirs by the thousand. */
function entryWords(entry: FdbEntry): string {
  const known = knownWords.get(entry);
  if (known !== undefined) return known;
  if (entry.destination === undefined) throw invalid('dst', '', 'an address');
  const parts = [`dst ${address(entry.destination)}`];
  if (entry.port !== undefined) parts.push(`port ${integer('port', entry.port, 1, 65535)}`);
  if (entry.vni !== undefined) parts.push(`vni ${integer('vni', entry.vni, 0, 16777215)}`);
  if (entry.via !== undefined) parts.push(`via ${linkName(entry.via)}`);
  const words = `${parts.join(' ')} self permanent`;
  knownWords.set(entry, words);
  return words;
}

/** A line that makes or deletes a static neighbour, marked as podwire's. */
export function neighbourLine(verb: 'replace' | 'delete', link: string, neighbour: Neighbour): string {
  const where = `${address(neighbour.address)} dev ${linkName(link)}`;
  return verb === 'delete'
    ? `neigh delete ${where}`
    : `neigh replace ${where} lladdr ${mac(neighbour.mac)} nud permanent protocol ${ROUTE_PROTOCOL}`;
}

/** A line that makes the kernel forget what it learned of a neighbour; one that it does not know is no failure. */
export const forgetLine = (link: string, neighbour: string): string =>
  `neigh flush to ${address(neighbour)} dev ${linkName(link)}`;
