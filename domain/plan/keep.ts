/** Entries of `ParsedSelections.keep`: what is attached under these networks stays, whatever else the annotation says. */
import { networkKey, type Dialect, type NetworkRef } from '../network-selection.ts';

/** One network; openvnf's are known by their bare name. */
export const keepEntry = (dialect: Dialect, network: NetworkRef): string =>
  dialect === 'openvnf' ? network.name : `${dialect}:${networkKey(network)}`;

/** The definition, as `networkKey` writes it, that an entry of a keep list names; undefined: it names one of openvnf's networks. */
export function definitionIn(entry: string): string | undefined {
  const end = entry.indexOf(':');
  return end === -1 ? undefined : entry.slice(end + 1);
}

/** What has an interface of a CNI dialect, whichever network that is: an entry asks for the interface, and cannot be carried out. */
export const keepInterface = (dialect: 'npwg', interfaceName: string): string => `${dialect}:@${interfaceName}`;

/** Everything of a dialect. */
export const keepAll = (dialect: Dialect): string => `${dialect}:*`;
