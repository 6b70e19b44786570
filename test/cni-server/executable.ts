/** podwire's CNI executable, made of the sources as they are, and how a container runtime starts it. */
import { createHash } from 'node:crypto';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { run } from '../../adapters/process/run.ts';
import { ROOT } from '../runner/groups.ts';

const KEPT = join(ROOT, 'node_modules/.cache/podwire-cni');
const BUILD_MS = 120_000;

/** Made anew when what it is made of has changed. @returns its path */
export async function executable(): Promise<string> {
  const hash = createHash('sha256')
    .update(process.arch)
    .update(readFileSync(join(ROOT, 'package.json')));
  for (const folder of ['cni', 'domain/cni-server', 'domain/text', 'domain/cni']) {
    for (const file of readdirSync(join(ROOT, folder)).sort()) hash.update(readFileSync(join(ROOT, folder, file)));
  }
  const path = join(KEPT, hash.digest('hex').slice(0, 16), 'podwire-cni');
  if (existsSync(path)) return path;
  const work = `${path}.${process.pid}`;
  mkdirSync(dirname(path), { recursive: true });
  const { code, stdout, stderr } = await run({
    file: process.execPath,
    args: [join(ROOT, 'node_modules/tsx/dist/cli.mjs'), join(ROOT, 'cni/build.ts'), work],
    env: { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '/' },
    timeoutMs: BUILD_MS,
  });
  if (code !== 0) throw new Error(`cni/build.ts: ${stdout}${stderr}`);
  // Another file of tests may have made the same meanwhile.
  renameSync(work, path);
  for (const old of readdirSync(KEPT))
    if (join(KEPT, old) !== dirname(path)) rmSync(join(KEPT, old), { recursive: true, force: true });
  return path;
}

/** The same under another name, in a folder of its own. */
export function named(path: string, name: string, folder: string): string {
  const link = join(folder, name);
  symlinkSync(path, link);
  return link;
}

export interface Said {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number | null;
  readonly signal: string | null;
  readonly ms: number;
}

export interface Started {
  readonly ended: Promise<Said>;
  kill(): void;
}

/** @param input standard input; undefined: it stays open */
export function start(file: string, env: Record<string, string>, input: string | Buffer | undefined): Started {
  const began = performance.now();
  const child = spawn(file, [], { env, cwd: '/', stdio: ['pipe', 'pipe', 'pipe'] });
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout.on('data', (part: Buffer) => out.push(part));
  child.stderr.on('data', (part: Buffer) => err.push(part));
  // An executable that refuses its environment reads nothing.
  child.stdin.on('error', () => undefined);
  if (input !== undefined) child.stdin.end(input);
  const ended = new Promise<Said>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      const text = (parts: Buffer[]): string => Buffer.concat(parts).toString('utf8');
      resolve({ stdout: text(out), stderr: text(err), code, signal, ms: performance.now() - began });
    });
  });
  return { ended, kill: () => void child.kill('SIGKILL') };
}
