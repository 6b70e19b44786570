/** Makes the network namespace of this process forward its pods' packets (`domain/primary/node-settings.ts` says how). */
import { readdirSync } from 'node:fs';
import { nodeSettings, settingsToRead } from '../../domain/primary/node-settings.ts';
import { readSysctls, writeSysctls } from './operations/sysctls.ts';

const FOLDERS = ['/proc/sys/net/ipv4/conf', '/proc/sys/net/ipv6/conf'];

/** @returns what could not be set, for people */
export function prepareNode(families: ReadonlySet<4 | 6>): string[] {
  const links = [...new Set(FOLDERS.flatMap(namesIn))];
  const wanted = nodeSettings(readSysctls(settingsToRead(links)), links, families);
  return writeSysctls(wanted).map(({ path, code }) => `${path}: ${code}`);
}

/** Of a kernel without IPv6 there is no such folder. */
function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
