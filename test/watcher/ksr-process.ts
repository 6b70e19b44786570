/** `podwire ksr` as an operator starts it: the built program with KSR's files, on a lab's API server and etcd. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { daemonPid, startDaemon, stopDaemon } from '../../adapters/process/daemon.ts';
import { tied, type RunResult } from '../../adapters/process/child.ts';
import { run } from '../../adapters/process/run.ts';
import { builtFile } from '../../deploy/lab/built.ts';
import type { Lab } from '../../deploy/lab/lab.ts';
import { freePort } from '../workflows/free-port.ts';

const GRACE_MS = 20_000;

export interface KsrProcess {
  /** `http://host:port` of its REST API. */
  readonly url: string;
  /** Lines of its log so far that are JSON. */
  log(): Readonly<Record<string, unknown>>[];
  running(): boolean;
  stop(): Promise<void>;
}

export interface KsrOptions {
  /** `host:port`. */
  readonly temporal: string;
  readonly env?: Readonly<Record<string, string>>;
  /** In place of the one that names the lab's etcd. */
  readonly etcdConf?: string;
}

const program = (args: readonly string[]): string[] => [
  '--enable-source-maps',
  builtFile('cli/main.js'),
  'ksr',
  ...args,
];

export async function startKsr(lab: Lab, options: KsrOptions): Promise<KsrProcess> {
  const dir = mkdtempSync(join(tmpdir(), 'podwire-ksr-'));
  const file = (name: string): string => join(dir, name);
  const port = await freePort();
  writeFileSync(file('etcd.conf'), options.etcdConf ?? etcdConf(lab));
  writeFileSync(file('http.conf'), `endpoint: 127.0.0.1:${port}\n`);
  const [noteFile, logFile] = [file('pid'), file('log')];
  // It ends with this process, however that ends.
  const [command, args] = tied({ file: process.execPath, args: program(['--config-dir', dir]) });
  await startDaemon({
    file: command,
    args,
    env: {
      HOME: dir,
      KUBE_CONFIG: lab.kubeconfigs.admin,
      TEMPORAL_ADDRESS: options.temporal,
      ...options.env,
    },
    logFile,
    noteFile,
  });
  return {
    url: `http://127.0.0.1:${port}`,
    log: () => readFileSync(logFile, 'utf8').split('\n').flatMap(parsed),
    running: () => daemonPid(noteFile) !== undefined,
    stop: async () => {
      await stopDaemon(noteFile, 'SIGTERM', GRACE_MS);
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** In the format of KSR's manifest. */
const etcdConf = (lab: Lab): string =>
  `insecure-transport: true\ndial-timeout: 10000000000\nendpoints:\n  - "${lab.etcd.host}"\n`;

/** Runs it until it ends by itself, which it does when its configuration is refused. */
export function runKsrToItsEnd(args: readonly string[], env: Readonly<Record<string, string>>): Promise<RunResult> {
  return run({ file: process.execPath, args: program(args), env: { HOME: '/tmp', ...env }, timeoutMs: 60_000 });
}

function parsed(line: string): Readonly<Record<string, unknown>>[] {
  try {
    return [JSON.parse(line) as Readonly<Record<string, unknown>>];
  } catch {
    return [];
  }
}
