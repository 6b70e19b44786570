/** What the executable answers a container runtime with (CNI 1.1, sections 2 and 5), whatever happens. */
import type { JsonObject } from '../domain/cni/attachment.ts';
import {
  checkConfiguration,
  parseConfiguration,
  readShimKeys,
  readValidAttachments,
  readVersion,
  type ShimKeys,
} from '../domain/cni-server/configuration.ts';
import { readIpamShimKeys } from '../domain/cni-server/ipam-configuration.ts';
import { readContivKeys } from '../domain/cni-server/contiv-configuration.ts';
import { readCommand, readContainer, type Environment } from '../domain/cni-server/environment.ts';
import { CNI_CODES, CniAnswerError } from '../domain/cni-server/pod-cni.ts';
import { requestPath, type CniService, type ServerRequest } from '../domain/cni-server/protocol.ts';
import {
  CNI_SERVER_VERSIONS,
  isCniServerVersion,
  NEWEST_CNI_VERSION,
  type CniCommand,
  type CniServerVersion,
  type ServedCommand,
} from '../domain/cni-server/versions.ts';
import { readTraceParent } from '../domain/text/trace-parent.ts';
import { askNode, NoAnswer, shownAddress } from './ask-node.ts';

export interface Asked {
  /** That of the file that the runtime has started. */
  readonly name: string;
  readonly env: Environment;
  /** Standard input. @throws CniAnswerError */
  readonly input: () => Promise<string>;
  /** How long the process runs already, in milliseconds. */
  readonly runsForMs: () => number;
}

export interface Answered {
  /** Empty for a success without a result. */
  readonly stdout: string;
  readonly exitCode: 0 | 1;
  readonly logFile: string | undefined;
  /** For the log; nothing of the configuration, which may hold secrets. */
  readonly about: Readonly<Record<string, string | number | undefined>>;
}

/** The server is to say that the time is over before the executable does: it knows what it has waited for. */
const ANSWER_ROOM_MS = 500;

/** Never rejects. */
export async function answer({ name, env, input, runsForMs }: Asked): Promise<Answered> {
  const known: { command?: CniCommand; version: CniServerVersion; keys?: ShimKeys } = { version: NEWEST_CNI_VERSION };
  const about = (code: number, msg?: string): Answered['about'] => ({
    ...{ name, command: known.command ?? env['CNI_COMMAND'], containerId: env['CNI_CONTAINERID'] },
    ...{ ifName: env['CNI_IFNAME'], netns: env['CNI_NETNS'], ms: Math.round(runsForMs()), code, msg },
  });
  try {
    const command = (known.command = readCommand(env));
    const text = await input();
    if (command === 'VERSION') return { stdout: versionAnswer(text), exitCode: 0, logFile: undefined, about: about(0) };
    const config = parseConfiguration(text);
    const { cniVersion } = config;
    if (isCniServerVersion(cniVersion)) known.version = cniVersion;
    const keys = (known.keys = readKeys(name, config, command));
    const service: CniService = name === 'podwire-ipam' ? 'ipam' : 'cni';
    readVersion(config, command);
    checkConfiguration(config);
    const request = (limitMs: number): ServerRequest => requestOf(command, service, env, config, limitMs);
    const result = await ask(keys, requestPath(command, service), command, request, runsForMs);
    const stdout = result === undefined ? '' : `${JSON.stringify(result)}\n`;
    return { stdout, exitCode: 0, logFile: keys.logFile, about: about(0) };
  } catch (error) {
    const { code, message: msg, details } = asAnswer(error);
    const object = { cniVersion: known.version, code, msg, ...(details === undefined ? {} : { details }) };
    return {
      stdout: `${JSON.stringify(object)}\n`,
      exitCode: 1,
      logFile: known.keys?.logFile,
      about: about(code, msg),
    };
  }
}

/**
 * Asks as long as the configuration says. A node worker that is away answers nothing, not even a DEL: the runtime repeats it, and a DEL that
 * had succeeded would never come again, so that the addresses of the pod were never given back.
 */
async function ask(
  { server, limitMs }: ShimKeys,
  path: string,
  command: ServedCommand,
  request: (limitMs: number) => ServerRequest,
  runsForMs: () => number,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  const leftMs = Math.max(1, limitMs - runsForMs());
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(new Error(`no answer within ${limitMs / 1_000} s`)), leftMs);
  try {
    const asked = request(Math.max(1, Math.floor(leftMs - Math.min(ANSWER_ROOM_MS, leftMs / 4))));
    const answered = await askNode(server, path, asked, limit.signal);
    if ('error' in answered) throw new CniAnswerError(answered.error.code, answered.error.msg, answered.error.details);
    if (command !== 'ADD') return undefined;
    if (answered.result === undefined) throw new NoAnswer('what answered is no node worker of this version');
    return answered.result;
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error;
    const code = command === 'STATUS' ? CNI_CODES.notAvailable : CNI_CODES.tryAgainLater;
    throw new CniAnswerError(code, `podwire's node worker does not answer at ${shownAddress(server)}`, error.message);
  } finally {
    clearTimeout(timer);
  }
}

function readKeys(name: string, config: JsonObject, command: ServedCommand): ShimKeys {
  if (name === 'contiv-cni') return readContivKeys(config, command);
  return name === 'podwire-ipam' ? readIpamShimKeys(config) : readShimKeys(config);
}

function requestOf(
  command: ServedCommand,
  service: CniService,
  env: Environment,
  config: JsonObject,
  limitMs: number,
): ServerRequest {
  if (command === 'STATUS') return { config, limitMs };
  if (command === 'GC') return { config, valid: readValidAttachments(config), limitMs };
  const mayLackPod = service === 'ipam' || command === 'DEL';
  const { TRACEPARENT: traceparent = '' } = env;
  // One that is none is the runtime's own affair: no pod waits for its correction.
  const traced = readTraceParent(traceparent) === undefined ? {} : { traceparent };
  return { call: { ...readContainer(env, command, mayLackPod), config }, limitMs, ...traced };
}

/** In the version that was asked in, where that is one of ours; a runtime may ask with nothing on standard input. */
function versionAnswer(text: string): string {
  const asked = text.trim() === '' ? undefined : parseConfiguration(text)['cniVersion'];
  const cniVersion = isCniServerVersion(asked) ? asked : NEWEST_CNI_VERSION;
  return `${JSON.stringify({ cniVersion, supportedVersions: CNI_SERVER_VERSIONS })}\n`;
}

function asAnswer(error: unknown): CniAnswerError {
  if (error instanceof CniAnswerError) return error;
  const said = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return new CniAnswerError(CNI_CODES.failed, 'podwire-cni has a fault of its own', said);
}
