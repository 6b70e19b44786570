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

const PREFIX = '/cni/v1/';

/** All are asked by POST. */
export const requestPath = (command: ServedCommand): string => `${PREFIX}${command.toLowerCase()}`;

export function commandOfPath(path: string): ServedCommand | undefined {
  const command = CNI_COMMANDS.find((each) => `${PREFIX}${each.toLowerCase()}` === path);
  return command === 'VERSION' ? undefined : command;
}
