/** Which versions of the CNI specification podwire's plugin speaks, and which commands each of them has. */

/** Oldest first. 0.3.0 differs from 0.3.1 by its number only; before it a result named no interfaces. */
export const CNI_SERVER_VERSIONS = ['0.3.1', '0.4.0', '1.0.0', '1.1.0'] as const;
export type CniServerVersion = (typeof CNI_SERVER_VERSIONS)[number];

export const NEWEST_CNI_VERSION: CniServerVersion = '1.1.0';

export const CNI_COMMANDS = ['ADD', 'DEL', 'CHECK', 'GC', 'STATUS', 'VERSION'] as const;
export type CniCommand = (typeof CNI_COMMANDS)[number];

/** VERSION is answered by the plugin itself. */
export type ServedCommand = Exclude<CniCommand, 'VERSION'>;

const SINCE: Readonly<Record<CniCommand, CniServerVersion>> = {
  ADD: '0.3.1',
  DEL: '0.3.1',
  CHECK: '0.4.0',
  GC: '1.1.0',
  STATUS: '1.1.0',
  VERSION: '0.3.1',
};

export const isCniServerVersion = (text: unknown): text is CniServerVersion =>
  CNI_SERVER_VERSIONS.some((version) => version === text);

/** The first version of the specification that has the command. */
export const commandSince = (command: CniCommand): CniServerVersion => SINCE[command];

export const hasCommand = (version: CniServerVersion, command: CniCommand): boolean =>
  CNI_SERVER_VERSIONS.indexOf(version) >= CNI_SERVER_VERSIONS.indexOf(SINCE[command]);
