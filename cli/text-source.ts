/** Bounded text from a file or from standard input. */
import { createReadStream } from 'node:fs';
import { UsageError } from './usage-error.ts';

/**
 * Reads UTF-8 text.
 * @param source a path, or `-` for standard input.
 * @param maxBytes more than that is refused, not cut off.
 * @throws UsageError when it cannot be read, is too large or is no UTF-8.
 */
export async function readText(source: string, maxBytes: number): Promise<string> {
  const stream = source === '-' ? process.stdin : createReadStream(source);
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > maxBytes) break;
      chunks.push(chunk);
    }
  } catch (error) {
    throw new UsageError(`cannot read ${source}: ${(error as Error).message}`, { cause: error });
  }
  if (size > maxBytes) throw new UsageError(`${nameOf(source)} is too large; allowed: at most ${maxBytes} bytes`);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks));
  } catch (error) {
    throw new UsageError(`${nameOf(source)} is not UTF-8 text`, { cause: error });
  }
}

/** How a source is called in messages. */
export const nameOf = (source: string): string => (source === '-' ? '<stdin>' : source);
