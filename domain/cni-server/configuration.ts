/** The network configuration that a runtime gives a plugin on its standard input: the specification's keys, and podwire's own. */
import type { JsonObject, JsonValue } from '../cni/attachment.ts';
import { shown, shownJson } from '../text/shown.ts';
import { isJsonList, isJsonObject, member, parseStrictJson, strangeKeys } from '../text/strict-json.ts';
import { isCalledInterface, isContainerId, isPlainPath, PATH_RULE } from './environment.ts';
import { CNI_CODES, CniAnswerError } from './pod-cni.ts';
import {
  CNI_SERVER_VERSIONS,
  commandSince,
  hasCommand,
  isCniServerVersion,
  type CniServerVersion,
  type ServedCommand,
} from './versions.ts';

/** UTF-8. It holds the results of all plugins before this one. */
export const MAX_CONFIGURATION_BYTES = 1024 * 1024;

/** Where the node worker answers. */
export type ServerAddress = { readonly path: string } | { readonly host: string; readonly port: number };

/** Keys that only podwire's executable reads. */
export interface ShimKeys {
  readonly server: ServerAddress;
  /** undefined: no log. */
  readonly logFile: string | undefined;
  /** From the start of the executable to its answer. */
  readonly limitMs: number;
}

export interface ValidAttachment {
  readonly containerId: string;
  readonly ifName: string;
}

export const DEFAULT_CNI_SOCKET = '/run/podwire/cni.sock';
const DEFAULT_LOG = '/var/log/podwire-cni.log';
/** The kubelet gives a sandbox two minutes altogether, in which the runtime also undoes what failed. */
export const DEFAULT_LIMIT_MS = 90_000;
const MAX_LIMIT_S = 110;
export const MAX_LIMIT_MS = MAX_LIMIT_S * 1_000;

/** What podwire is in a chain: the network of the pod, or what adds others to it. */
const CNI_MODES = ['chained', 'primary'] as const;
export type CniMode = (typeof CNI_MODES)[number];

const OWN_KEYS = ['socket', 'logFile', 'timeoutSeconds', 'mode'];
const SPECIFIED_KEYS = [
  'cniVersion',
  'name',
  'type',
  'prevResult',
  'runtimeConfig',
  'args',
  'capabilities',
  'ipam',
  'dns',
];
const VALID = 'cni.dev/valid-attachments';
const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,255}$/;

/** @throws CniAnswerError 6 */
export function parseConfiguration(text: string): JsonObject {
  const json = parseStrictJson(text, { maxBytes: MAX_CONFIGURATION_BYTES });
  const why = json.ok ? (isJsonObject(json.value) ? undefined : 'is no JSON object') : json.why;
  if (json.ok && isJsonObject(json.value)) return json.value;
  throw new CniAnswerError(CNI_CODES.decode, `the network configuration on standard input ${why}`);
}

/**
 * The version that the answer is to have.
 *
 * @throws CniAnswerError 1: the version is none of podwire's, or does not have the command
 */
export function readVersion(config: JsonObject, command: ServedCommand): CniServerVersion {
  const version = member(config, 'cniVersion');
  const allowed = `allowed: ${CNI_SERVER_VERSIONS.join(', ')}`;
  if (!isCniServerVersion(version)) {
    const found = version === undefined ? 'is missing, which means 0.1.0' : `is ${shownJson(version)}`;
    throw new CniAnswerError(CNI_CODES.incompatibleVersion, `cniVersion ${found}; ${allowed}`);
  }
  if (hasCommand(version, command)) return version;
  throw new CniAnswerError(
    CNI_CODES.incompatibleVersion,
    `cniVersion is ${version}, which has no ${command}; it is there since ${commandSince(command)}`,
  );
}

/** What holds for every command. @throws CniAnswerError 7 with every mistake */
export function checkConfiguration(config: JsonObject): void {
  const problems: string[] = [];
  const name = member(config, 'name');
  if (typeof name !== 'string' || !NAME.test(name))
    problems.push(told('name', name, 'a text of letters, digits, "_", "." and "-", a letter or digit first'));
  const type = member(config, 'type');
  if (typeof type !== 'string' || type === '') problems.push(told('type', type, 'a text, the name of the plugin'));
  const prevResult = member(config, 'prevResult');
  if (prevResult !== undefined && !isJsonObject(prevResult)) problems.push(told('prevResult', prevResult, 'an object'));
  const mode = member(config, 'mode');
  if (mode !== undefined && !isMode(mode)) problems.push(told('mode', mode, CNI_MODES.map(shown).join(' or ')));
  refuseIf(problems);
}

/**
 * The plugin of contiv never stood behind another one: under its name podwire's is the primary one, too.
 *
 * @param config checked
 * @throws CniAnswerError 7: an ADD that makes the pod's network comes with one that another plugin has made
 */
export function readMode(config: JsonObject, command: ServedCommand): CniMode {
  const given = member(config, 'mode');
  const mode = isMode(given) ? given : member(config, 'type') === 'contiv-cni' ? 'primary' : 'chained';
  const prevResult = member(config, 'prevResult');
  if (mode === 'primary' && command === 'ADD' && prevResult !== undefined)
    throw refused([told('prevResult', prevResult, 'none with mode "primary", in which podwire is the first plugin')]);
  return mode;
}

const isMode = (value: JsonValue | undefined): value is CniMode => CNI_MODES.some((mode) => mode === value);

/** @throws CniAnswerError 7 with every mistake */
export function readShimKeys(config: JsonObject): ShimKeys {
  const problems = strangeKeys(config, [...OWN_KEYS, ...SPECIFIED_KEYS]).flatMap(({ key, meant }) =>
    meant === undefined ? [] : [`key ${shown(key)}: did you mean ${shown(meant)}?`],
  );
  const socket = member(config, 'socket') ?? DEFAULT_CNI_SOCKET;
  // sun_path of sockaddr_un, with its zero at the end.
  if (typeof socket !== 'string' || !isPlainPath(socket) || socket.length > 107)
    problems.push(told('socket', socket, `${PATH_RULE}, 107 characters at most`));
  const logFile = member(config, 'logFile') ?? DEFAULT_LOG;
  if (typeof logFile !== 'string' || (logFile !== '' && !isPlainPath(logFile)))
    problems.push(told('logFile', logFile, `${PATH_RULE}, or an empty text for no log`));
  const limit = member(config, 'timeoutSeconds') ?? DEFAULT_LIMIT_MS / 1_000;
  if (typeof limit !== 'number' || !(limit >= 1 && limit <= MAX_LIMIT_S))
    problems.push(told('timeoutSeconds', limit, `a number from 1 to ${MAX_LIMIT_S}`));
  refuseIf(problems);
  return {
    server: { path: socket as string },
    logFile: logFile === '' ? undefined : (logFile as string),
    limitMs: (limit as number) * 1_000,
  };
}

/**
 * What GC is to leave alone. Go's runtimes write an empty list as null; without the key nobody knows what is to be left alone.
 *
 * @throws CniAnswerError 7
 */
export function readValidAttachments(config: JsonObject): ValidAttachment[] {
  const list = member(config, VALID);
  const allowed = 'a list of objects with "containerID" and "ifname"';
  if (list === null) return [];
  if (list === undefined || !isJsonList(list)) throw refused([told(VALID, list, allowed)]);
  return list.map((item, index) => {
    const containerId = isJsonObject(item) ? member(item, 'containerID') : undefined;
    const ifName = isJsonObject(item) ? member(item, 'ifname') : undefined;
    if (
      typeof containerId === 'string' &&
      isContainerId(containerId) &&
      typeof ifName === 'string' &&
      isCalledInterface(ifName)
    )
      return { containerId, ifName };
    throw refused([told(`${VALID}[${index}]`, item, allowed)]);
  });
}

const told = (key: string, value: JsonValue | undefined, allowed: string): string =>
  `${key} ${value === undefined ? 'is missing' : `is ${shownJson(value)}`}; allowed: ${allowed}`;

function refuseIf(problems: readonly string[]): void {
  if (problems.length > 0) throw refused(problems);
}

const refused = (problems: readonly string[]): CniAnswerError =>
  new CniAnswerError(CNI_CODES.invalidConfig, `the network configuration: ${problems.join('; ')}`);
