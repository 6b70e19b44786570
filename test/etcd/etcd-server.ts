/** A real etcd for one test file: loopback, free ports, its data in a folder of its own, gone afterwards. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { daemonPid, startDaemon, stopDaemon } from '../../adapters/process/daemon.ts';
import { createEtcd } from '../../adapters/etcd/client.ts';
import { findProgram } from '../../deploy/lab/commands.ts';
import { freePort } from '../workflows/dev-server.ts';
import { untilAsked } from '../workflows/limits.ts';

export interface EtcdServer {
  readonly endpoint: string;
  /** Freezes it: connections stay open, nothing answers. */
  freeze(): void;
  thaw(): void;
  stop(): Promise<void>;
}

/** @param extra more of etcd's own options */
export async function startEtcd(extra: readonly string[] = []): Promise<EtcdServer> {
  const file = findProgram('etcd');
  if (file === undefined) throw new Error('etcd is not installed: apt-get install etcd-server');
  const dir = mkdtempSync(join(tmpdir(), 'podwire-test-etcd-'));
  const [client, peer] = [`http://127.0.0.1:${await freePort()}`, `http://127.0.0.1:${await freePort()}`];
  const noteFile = join(dir, 'pid');
  await startDaemon({
    // It ends with this process, however that ends.
    file: '/usr/bin/setpriv',
    args: [
      ...['--pdeathsig', 'KILL', '--', file, '--name', 'test', '--data-dir', join(dir, 'data')],
      ...['--listen-client-urls', client, '--advertise-client-urls', client, '--listen-peer-urls', peer],
      ...['--initial-advertise-peer-urls', peer, '--initial-cluster', `test=${peer}`, '--log-level', 'error'],
      ...extra,
    ],
    env: { HOME: dir },
    logFile: join(dir, 'log'),
    noteFile,
  });
  const signal = (name: NodeJS.Signals): void => {
    const pid = daemonPid(noteFile);
    if (pid !== undefined) process.kill(pid, name);
  };
  const probe = createEtcd({ endpoints: [client], timeoutMs: 1_000 });
  const isUp = (): Promise<boolean> =>
    probe.get('/').then(
      () => true,
      () => false,
    );
  await untilAsked('etcd answers', isUp, 20_000);
  probe.close();
  return {
    endpoint: client,
    freeze: () => signal('SIGSTOP'),
    thaw: () => signal('SIGCONT'),
    stop: async () => {
      signal('SIGCONT');
      await stopDaemon(noteFile, 'SIGTERM', 2_000);
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
