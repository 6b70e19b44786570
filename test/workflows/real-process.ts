/** A built process of podwire on loopback, as a kubelet starts it: with a health port of its own, and files in one folder. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { tied } from '../../adapters/process/child.ts';
import { daemonPid, startDaemon, stopDaemon } from '../../adapters/process/daemon.ts';
import { builtFile } from '../../deploy/lab/built.ts';
import { waitFor } from '../../deploy/lab/waiting.ts';
import { freePort } from './free-port.ts';

const PARTS = { orchestrator: 'workers/orchestrator.js', node: 'workers/node.js', watcher: 'watcher/main.js' } as const;
export type PartName = keyof typeof PARTS;
export const PART_NAMES = Object.keys(PARTS) as PartName[];

export interface Surroundings {
  /** Holds a kubeconfig, and gets notes, logs and state. */
  readonly dir: string;
  /** `host:port`. */
  readonly temporal: string;
  readonly etcd: string;
  /** Unique on the machine: a worker's claim on its node is. */
  readonly node: string;
  /** More environment: settings. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface RealProcess {
  readonly port: number;
  readonly alive: () => boolean;
  /** The parsed body of /readyz. */
  readonly readyz: () => Promise<unknown>;
  readonly log: () => string;
  /** SIGTERM, and SIGKILL after 20 s. */
  readonly end: () => Promise<void>;
}

/** Starts it and waits until its health port answers. @throws Error with its log when it ends meanwhile */
export async function startProcess(name: PartName, surroundings: Surroundings): Promise<RealProcess> {
  const { dir, temporal, etcd, node } = surroundings;
  const port = await freePort();
  const [noteFile, logFile] = [join(dir, `${port}.pid`), join(dir, `${port}.log`)];
  const [file, args] = tied({ file: process.execPath, args: [builtFile(PARTS[name])] });
  await startDaemon({
    ...{ file, args, noteFile, logFile },
    env: {
      ...{ HOME: dir, PATH: '/usr/sbin:/usr/bin:/sbin:/bin', TEMPORAL_ADDRESS: temporal },
      ...{ PODWIRE_ETCD_ENDPOINTS: etcd, PODWIRE_KUBECONFIG: join(dir, 'kubeconfig') },
      ...{ PODWIRE_BIND_ADDRESS: `127.0.0.1:${port}`, PODWIRE_NODE_NAME: node },
      ...{ PODWIRE_CRI_SOCKET: join(dir, 'cri.sock'), PODWIRE_STATE_DIR: join(dir, 'state') },
      PODWIRE_CNI_STATE_DIR: join(dir, 'cni'),
      ...surroundings.env,
    },
  });
  const get = (path: string): Promise<Response> =>
    fetch(`http://127.0.0.1:${port}${path}`, { signal: AbortSignal.timeout(2_000) });
  await waitFor(
    `the health port of ${name}`,
    async () => {
      if (daemonPid(noteFile) === undefined) throw new Error(readFileSync(logFile, 'utf8'));
      return (await get('/healthz')).ok || undefined;
    },
    { limitMs: 40_000, everyMs: 50 },
  );
  return {
    port,
    alive: () => daemonPid(noteFile) !== undefined,
    readyz: async () => (await get('/readyz')).json(),
    log: () => readFileSync(logFile, 'utf8'),
    end: () => stopDaemon(noteFile, 'SIGTERM', 20_000),
  };
}
