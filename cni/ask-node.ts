/** One question to the node worker, by HTTP over its socket. */
import { request } from 'node:http';
import type { ServerAddress } from '../domain/cni-server/configuration.ts';
import type { AnsweredError, ServerAnswer, ServerRequest } from '../domain/cni-server/protocol.ts';

/** A result, and what is around it. */
const MAX_ANSWER_BYTES = 2 * 1024 * 1024;

/** Nobody answered, or not with an answer: the node worker is away, is being replaced, or has no time. */
export class NoAnswer extends Error {}

export const shownAddress = (server: ServerAddress): string =>
  'path' in server ? server.path : `${server.host}:${server.port}`;

/** @throws NoAnswer; also when the signal is aborted, with its reason's words */
export async function askNode(
  server: ServerAddress,
  path: string,
  asked: ServerRequest,
  signal: AbortSignal,
): Promise<ServerAnswer> {
  const text = await post(server, path, JSON.stringify(asked), signal);
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch {
    throw new NoAnswer('what answered is no node worker: it sent no JSON');
  }
  if (!isAnswer(answer)) throw new NoAnswer('what answered is no node worker of this version');
  return answer;
}

function post(server: ServerAddress, path: string, body: string, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error & { readonly code?: string }): void => {
      const reason: unknown = signal.reason;
      if (signal.aborted) reject(new NoAnswer(reason instanceof Error ? reason.message : 'given up'));
      else reject(new NoAnswer(error.code === undefined ? error.message : `${error.code}: ${error.message}`));
    };
    const asking = request(
      {
        ...('path' in server ? { socketPath: server.path } : server),
        ...{ path, method: 'POST', agent: false, signal },
        headers: { host: 'podwire', 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
      },
      (response) => {
        const parts: Buffer[] = [];
        let bytes = 0;
        response.on('data', (part: Buffer) => {
          bytes += part.length;
          parts.push(part);
          if (bytes > MAX_ANSWER_BYTES) asking.destroy(new Error(`the answer has more than ${MAX_ANSWER_BYTES} bytes`));
        });
        response.on('error', fail);
        response.on('aborted', () => fail(new Error('the node worker ended before it had answered')));
        response.on('end', () => resolve(Buffer.concat(parts).toString('utf8')));
      },
    );
    asking.on('error', fail);
    asking.end(body);
  });
}

function isAnswer(answer: unknown): answer is ServerAnswer {
  if (!isObject(answer)) return false;
  const { error, result } = answer;
  if (error !== undefined) return isError(error);
  return result === undefined || isObject(result);
}

function isError(error: unknown): error is AnsweredError {
  if (!isObject(error)) return false;
  const { code, msg, details } = error;
  return Number.isInteger(code) && typeof msg === 'string' && (details === undefined || typeof details === 'string');
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
