/** Configurations that were written for contiv's plugin `contiv-cni` (contiv/vpp v2.0.0, cmd/contiv-cni). */
import type { JsonObject } from '../cni/attachment.ts';
import { shownJson } from '../text/shown.ts';
import { member } from '../text/strict-json.ts';
import { DEFAULT_LIMIT_MS, type ShimKeys } from './configuration.ts';
import { isPlainPath, PATH_RULE } from './environment.ts';
import { CNI_CODES, CniAnswerError } from './pod-cni.ts';
import type { ServedCommand } from './versions.ts';

/** contiv's own default is below /tmp, where anybody could have made a link of that name. */
const DEFAULT_LOG = '/var/log/contiv-cni.log';
const HOST_AND_PORT = /^(?:\[([0-9a-fA-F:.]+)\]|([^[\]:/]+)):(\d{1,5})$/;

/**
 * Its words for its mistakes. A result of other plugins is refused in an ADD only: in a DEL and a CHECK it is what this plugin has answered.
 *
 * @throws CniAnswerError 7
 */
export function readContivKeys(config: JsonObject, command: ServedCommand): ShimKeys {
  if (command === 'ADD' && member(config, 'prevResult') !== undefined)
    throw refused('CNI chaining is not supported by this plugin');
  const address = member(config, 'grpcServer');
  if (address === undefined || address === '')
    throw refused('"grpcServer" field is required. It specifies where the CNI requests should be forwarded to');
  const server = typeof address === 'string' ? serverOf(address) : undefined;
  if (server === undefined)
    throw refused(`grpcServer is ${shownJson(address)}; allowed: host:port, or ${PATH_RULE}, 107 characters at most`);
  const logFile = member(config, 'logFile') ?? DEFAULT_LOG;
  if (typeof logFile !== 'string' || (logFile !== '' && !isPlainPath(logFile)))
    throw refused(`logFile is ${shownJson(logFile)}; allowed: ${PATH_RULE}`);
  return { server, logFile: logFile === '' ? DEFAULT_LOG : logFile, limitMs: DEFAULT_LIMIT_MS };
}

function serverOf(address: string): ShimKeys['server'] | undefined {
  if (address.startsWith('/')) return isPlainPath(address) && address.length <= 107 ? { path: address } : undefined;
  const [, v6, name, port] = HOST_AND_PORT.exec(address) ?? [];
  const host = v6 ?? name;
  return host === undefined || Number(port) > 65_535 ? undefined : { host, port: Number(port) };
}

const refused = (why: string): CniAnswerError => new CniAnswerError(CNI_CODES.invalidConfig, why);
