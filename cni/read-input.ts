/** Standard input of a plugin: the network configuration, within limits. */
import type { Readable } from 'node:stream';
import { DEFAULT_LIMIT_MS, MAX_CONFIGURATION_BYTES } from '../domain/cni-server/configuration.ts';
import { CNI_CODES, CniAnswerError } from '../domain/cni-server/pod-cni.ts';

/** @throws CniAnswerError 5 (it cannot be read, or does not end), 6 (it is too long, or no UTF-8) */
export async function readInput(stream: Readable, limitMs = DEFAULT_LIMIT_MS): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  const timer = setTimeout(() => stream.destroy(new Error(`it has not ended after ${limitMs / 1_000} s`)), limitMs);
  try {
    for await (const part of stream) {
      bytes += (part as Buffer).length;
      if (bytes > MAX_CONFIGURATION_BYTES)
        throw wrong(`has more than ${MAX_CONFIGURATION_BYTES} bytes; allowed: at most that`);
      parts.push(part as Buffer);
    }
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(parts));
  } catch (error) {
    if (error instanceof CniAnswerError) throw error;
    if (error instanceof TypeError) throw wrong('is no UTF-8');
    const why = error instanceof Error ? error.message : String(error);
    throw new CniAnswerError(CNI_CODES.io, `standard input cannot be read: ${why}`);
  } finally {
    clearTimeout(timer);
  }
}

const wrong = (why: string): CniAnswerError =>
  new CniAnswerError(CNI_CODES.decode, `the network configuration on standard input ${why}`);
