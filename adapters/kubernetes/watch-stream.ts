/** One watch request, from its headers to its end, with every way it can end told apart. */
import type { IncomingMessage } from 'node:http';
import { retryAfter, type KubeClient } from './client.ts';
import { LineSplitter } from './line-splitter.ts';

/** A line of a watch (meta/v1 WatchEvent). */
export interface WatchLine {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
  readonly object: unknown;
}

/**
 * - `closed`: the server ended it, as it does after `timeoutSeconds`.
 * - `stalled`: not a byte for `stallMs`.
 * - `expired`: the resourceVersion is too old (410), list again.
 * - `invalid`: a line that is cut, too long or no event; what it said is lost, list again.
 * - `failed`: no connection, another HTTP status or an ERROR event; resume later.
 * - `stopped`: by the caller.
 */
export interface WatchEnd {
  readonly kind: 'closed' | 'stalled' | 'expired' | 'invalid' | 'failed' | 'stopped';
  readonly message: string;
  readonly retryAfterMs?: number | undefined;
}

export interface WatchOptions {
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly stallMs: number;
  /** Limit for the headers. */
  readonly connectMs: number;
  readonly maxLineBytes: number;
  readonly signal: AbortSignal;
  /** Called for every chunk, also of a bookmark. */
  readonly onBytes: () => void;
  /** Must not throw. */
  readonly onLine: (line: WatchLine) => void;
}

const LINE_TYPES: ReadonlySet<unknown> = new Set(['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK']);

/** Runs one watch; never rejects. */
export async function runWatch(client: KubeClient, options: WatchOptions): Promise<WatchEnd> {
  let response: IncomingMessage;
  try {
    response = await client.open({
      method: 'GET',
      path: options.path,
      query: options.query,
      deadlineMs: options.connectMs,
      signal: options.signal,
    });
  } catch (error) {
    return options.signal.aborted ? { kind: 'stopped', message: 'stopped' } : failed(error);
  }
  const status = response.statusCode ?? 0;
  if (status !== 200) {
    response.destroy();
    const retryAfterMs = retryAfter(response);
    return { kind: status === 410 ? 'expired' : 'failed', message: `HTTP status ${status}`, retryAfterMs };
  }
  options.onBytes();
  return await readStream(response, options);
}

function readStream(response: IncomingMessage, options: WatchOptions): Promise<WatchEnd> {
  const splitter = new LineSplitter(options.maxLineBytes);
  return new Promise((resolve) => {
    let ended = false;
    const end = (outcome: WatchEnd): void => {
      if (ended) return;
      ended = true;
      clearTimeout(stall);
      options.signal.removeEventListener('abort', onAbort);
      response.destroy();
      resolve(outcome);
    };
    const onAbort = (): void => {
      end({ kind: 'stopped', message: 'stopped' });
    };
    const stall = setTimeout(() => {
      end({ kind: 'stalled', message: `not a byte for ${options.stallMs} ms` });
    }, options.stallMs);
    if (options.signal.aborted) onAbort();
    options.signal.addEventListener('abort', onAbort, { once: true });

    response.on('data', (chunk: Buffer) => {
      if (ended) return;
      stall.refresh();
      options.onBytes();
      try {
        for (const text of splitter.push(chunk)) {
          const parsed = parseLine(text);
          if ('kind' in parsed) {
            end(parsed);
            return;
          }
          options.onLine(parsed);
        }
      } catch (error) {
        end({ kind: 'invalid', message: error instanceof Error ? error.message : String(error) });
      }
    });
    response.on('end', () => {
      if (splitter.unfinished) end({ kind: 'invalid', message: 'the stream ended within a line' });
      else end({ kind: 'closed', message: 'closed by the server' });
    });
    response.on('error', (error) => {
      end(splitter.unfinished ? { kind: 'invalid', message: 'the stream broke within a line' } : failed(error));
    });
    response.on('close', () => {
      end({ kind: 'failed', message: 'connection closed' });
    });
  });
}

/** An event, or how the stream ends because of this line. */
function parseLine(text: string): WatchLine | WatchEnd {
  let parsed: { type?: unknown; object?: { code?: unknown; message?: unknown } & Record<string, unknown> };
  try {
    parsed = JSON.parse(text) as typeof parsed;
  } catch {
    return { kind: 'invalid', message: `a line is no JSON (${text.length} characters)` };
  }
  const object = parsed?.object;
  if (typeof object !== 'object' || object === null) return { kind: 'invalid', message: 'a line holds no object' };
  if (parsed.type === 'ERROR') {
    const message = typeof object['message'] === 'string' ? object['message'] : 'no message';
    return { kind: object['code'] === 410 ? 'expired' : 'failed', message: `ERROR event: ${message}` };
  }
  if (!LINE_TYPES.has(parsed.type))
    return { kind: 'invalid', message: `unknown event type ${JSON.stringify(parsed.type)}` };
  return { type: parsed.type as WatchLine['type'], object };
}

const failed = (error: unknown): WatchEnd => ({
  kind: 'failed',
  message: error instanceof Error ? error.message : String(error),
});
