/** Entries of `ParsedSelections.keep`: what is attached under these networks stays, whatever else the annotation says. */
import { networkKey, type Dialect, type NetworkRef } from './network-selection.ts';

/** One network; openvnf's are known by their bare name. */
export const keepEntry = (dialect: Dialect, network: NetworkRef): string =>
  dialect === 'openvnf' ? network.name : `${dialect}:${networkKey(network)}`;

/** Everything of a dialect. */
export const keepAll = (dialect: Dialect): string => `${dialect}:*`;
