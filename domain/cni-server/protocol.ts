/**
 * What podwire's CNI executable and the node worker say to each other: one HTTP/1.1 request a call, JSON both ways, over a Unix socket that
 * only root may open. The executable has read the environment and the configuration; the server checks everything once more.
 */
import type { PodCniCall } from './pod-cni.ts';
import type { ValidAttachment } from './configuration.ts';
import { CNI_COMMANDS, type ServedCommand } from './versions.ts';

export interface ContainerRequest {
  readonly call: PodCniCall;
  /** How long the asker waits for the answer, in milliseconds. */
  readonly limitMs: number;
  /** The span that the runtime was in when it started the executable (W3C Trace Context); absent: it has told of none. */
  readonly traceparent?: string;
}
export interface NetworkRequest {
  readonly config: PodCniCall['config'];
  /** Of GC only. */
  readonly valid?: readonly ValidAttachment[];
  readonly limitMs: number;
}
export type ServerRequest = ContainerRequest | NetworkRequest;

/** An error object of the specification without its version, which the asker adds. */
export interface AnsweredError {
  readonly code: number;
  readonly msg: string;
  readonly details?: string;
}
export type ServerAnswer = { readonly result?: Readonly<Record<string, unknown>> } | { readonly error: AnsweredError };

/** Whom a call is for: `ipam` has addresses for the interfaces that another plugin makes, and comes as one of that plugin's own calls does. */
const SERVICES = ['cni', 'ipam'] as const;
export type CniService = (typeof SERVICES)[number];

const VERSION = 'v1';

/** All are asked by POST. */
export const requestPath = (command: ServedCommand, service: CniService = 'cni'): string =>
  `/${service}/${VERSION}/${command.toLowerCase()}`;

export function requestOfPath(
  path: string,
): { readonly service: CniService; readonly command: ServedCommand } | undefined {
  for (const service of SERVICES)
    for (const command of CNI_COMMANDS)
      if (command !== 'VERSION' && requestPath(command, service) === path) return { service, command };
  return undefined;
}
