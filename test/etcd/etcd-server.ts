/** A real etcd for one test file: loopback, free ports, its data in a folder of its own, gone afterwards. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Etcd3 } from 'etcd3';
import { tied } from '../../adapters/process/child.ts';
import { daemonPid, startDaemon, stopDaemon } from '../../adapters/process/daemon.ts';
import { createEtcd } from '../../adapters/etcd/client.ts';
import { findProgram } from '../../deploy/lab/commands.ts';
import { freePort } from '../workflows/free-port.ts';
import { untilAsked } from '../workflows/limits.ts';

export interface EtcdServer {
  readonly endpoint: string;
  /** Freezes it: connections stay open, nothing answers. */
  freeze(): void;
  thaw(): void;
  /** Ends it and starts it on the same data, with other certificates; returns before it answers. */
  restart(tls: TlsFiles): Promise<void>;
  stop(): Promise<void>;
}

/** PEM files of a server that wants its clients to show a certificate of the same authority. */
export interface TlsFiles {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** @param extra more of etcd's own options */
export async function startEtcd(extra: readonly string[] = [], tls?: TlsFiles): Promise<EtcdServer> {
  const [client, peer] = await freeUrls(tls === undefined ? 'http' : 'https');
  const server = await startMember({ name: 'test', client, peer, cluster: `test=${peer}` }, [
    ...extra,
    ...tlsFlags(tls),
  ]);
  await answering(client, tls);
  return server;
}

const tlsFlags = (tls: TlsFiles | undefined): string[] =>
  tls === undefined
    ? []
    : ['--cert-file', tls.cert, '--key-file', tls.key, '--trusted-ca-file', tls.ca, '--client-cert-auth'];

/** From now on the server wants users and passwords. @param admin is closed: its calls would be refused */
export async function requireLogin(admin: Etcd3, rootPassword: string): Promise<void> {
  await admin.user('root').create(rootPassword);
  await admin.user('root').addRole('root');
  await admin.auth.authEnable();
  admin.close();
}

/** Three members of one cluster, each of which can be frozen by itself. */
export async function startEtcdCluster(): Promise<readonly EtcdServer[]> {
  const urls = await Promise.all([0, 1, 2].map(() => freeUrls('http')));
  const cluster = urls.map(([, peer], index) => `m${index}=${peer}`).join(',');
  const members = await Promise.all(
    urls.map(([client, peer], index) => startMember({ name: `m${index}`, client, peer, cluster }, [])),
  );
  await Promise.all(members.map(({ endpoint }) => answering(endpoint)));
  return members;
}

async function freeUrls(scheme: 'http' | 'https'): Promise<[string, string]> {
  return [`${scheme}://127.0.0.1:${await freePort()}`, `http://127.0.0.1:${await freePort()}`];
}

interface MemberSpec {
  readonly name: string;
  readonly client: string;
  readonly peer: string;
  /** `NAME=PEER-URL` of all members. */
  readonly cluster: string;
}

async function startMember({ name, client, peer, cluster }: MemberSpec, extra: readonly string[]): Promise<EtcdServer> {
  const file = findProgram('etcd');
  if (file === undefined) throw new Error('etcd is not installed: apt-get install etcd-server');
  const dir = mkdtempSync(join(tmpdir(), 'podwire-test-etcd-'));
  const noteFile = join(dir, 'pid');
  const etcd = (more: readonly string[]) => ({
    file,
    args: [
      ...['--name', name, '--data-dir', join(dir, 'data')],
      ...['--listen-client-urls', client, '--advertise-client-urls', client, '--listen-peer-urls', peer],
      ...['--initial-advertise-peer-urls', peer, '--initial-cluster', cluster, '--log-level', 'error'],
      ...more,
    ],
  });
  // It ends with this process, however that ends.
  const start = async (more: readonly string[]): Promise<void> => {
    const [program, args] = tied(etcd(more));
    await startDaemon({ file: program, args, env: { HOME: dir }, logFile: join(dir, 'log'), noteFile });
  };
  await start(extra);
  const signal = (signalName: NodeJS.Signals): void => {
    const pid = daemonPid(noteFile);
    if (pid !== undefined) process.kill(pid, signalName);
  };
  return {
    endpoint: client,
    freeze: () => {
      signal('SIGSTOP');
      untilStopped(daemonPid(noteFile));
    },
    thaw: () => signal('SIGCONT'),
    restart: async (tls) => {
      await stopDaemon(noteFile, 'SIGTERM', 2_000);
      await start(tlsFlags(tls));
    },
    stop: async () => {
      signal('SIGCONT');
      await stopDaemon(noteFile, 'SIGTERM', 2_000);
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

const STOP_LIMIT_MS = 5_000;

/** A signal takes effect thread by thread: on a busy machine a call that is made right after it may still be answered. */
function untilStopped(pid: number | undefined): void {
  const end = performance.now() + STOP_LIMIT_MS;
  while (pid !== undefined && !readdirSync(`/proc/${pid}/task`).every((thread) => isStopped(pid, thread)))
    if (performance.now() > end) throw new Error(`etcd (${pid}) does not stand still after ${STOP_LIMIT_MS} ms`);
}

/** The state is the word behind the name, which may hold spaces and brackets (proc(5), stat). A thread that is gone runs no more. */
function isStopped(pid: number, thread: string): boolean {
  try {
    return /\) T [^)]*$/.test(readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8'));
  } catch {
    return true;
  }
}

async function answering(endpoint: string, tls?: TlsFiles): Promise<void> {
  const probe = createEtcd({
    endpoints: [endpoint],
    timeoutMs: 1_000,
    ...(tls === undefined ? {} : { tls: { caFile: tls.ca, certFile: tls.cert, keyFile: tls.key } }),
  });
  const isUp = (): Promise<boolean> =>
    probe.get('/').then(
      () => true,
      () => false,
    );
  await untilAsked('etcd answers', isUp, 20_000);
  probe.close();
}
