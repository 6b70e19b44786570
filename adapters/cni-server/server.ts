/** The node worker's end of its CNI plugin, and of contiv's. */
import type { Server } from 'node:net';
import type { ServerAddress } from '../../domain/cni-server/configuration.ts';
import type { PodCni } from '../../domain/cni-server/pod-cni.ts';
import { createContivCalls } from './contiv-calls.ts';
import { createContivDoor } from './contiv-door.ts';
import { createCallServer } from './http-calls.ts';
import { listenAtPath } from './listen.ts';
import { CniOperations, type CniOperationsOptions } from './operations.ts';

export interface CniServerOptions extends CniOperationsOptions {
  /** Has addresses for other plugins; undefined: nobody does. */
  readonly ipam?: PodCni | undefined;
  /** Path of the Unix socket. */
  readonly socket: string;
  /** What contiv's configurations name as `grpcServer`; undefined: they are not served. */
  readonly contiv?: ServerAddress | undefined;
}

export interface CniServer {
  readonly counts: Pick<CniOperations, 'atWork' | 'waiting'>;
  /** Takes the sockets away, gives what is under way some time to end, then gives it up with "try again later". */
  stop(): Promise<void>;
}

const STOP_GRACE_MS = 2_000;
/** For the last answers to get out. */
const ANSWER_MS = 500;

/** @throws SocketRefused, the error of the file system or of the network */
export async function startCniServer({ socket, contiv, ipam, ...options }: CniServerOptions): Promise<CniServer> {
  const operations = new CniOperations(options);
  // Places of its own: an ADD of podwire's may be waiting for a plugin that asks for an address of the same container.
  const ofAddresses = ipam === undefined ? undefined : new CniOperations({ ...options, podCni: ipam });
  const calls = createCallServer({ cni: operations, ...(ofAddresses === undefined ? {} : { ipam: ofAddresses }) });
  const contivCalls = createContivCalls(operations);
  const door = createContivDoor(contivCalls, calls);
  const removers = [await listenAtPath(calls, socket)];
  try {
    if (contiv !== undefined) removers.push(await listenAt(door, contiv));
  } catch (error) {
    for (const remove of removers) remove();
    calls.close();
    throw error;
  }
  const end = async (): Promise<void> => {
    for (const remove of removers) remove();
    const giveUp = setTimeout(() => {
      operations.end();
      ofAddresses?.end();
    }, STOP_GRACE_MS);
    const cut = setTimeout(() => {
      contivCalls.close();
      calls.closeAllConnections();
    }, STOP_GRACE_MS + ANSWER_MS);
    await Promise.all([closed(calls), contiv === undefined ? undefined : closed(door)]);
    for (const timer of [giveUp, cut]) clearTimeout(timer);
    contivCalls.close();
  };
  let stopped: Promise<void> | undefined;
  return { counts: operations, stop: () => (stopped ??= end()) };
}

const closed = (server: Server): Promise<void> => new Promise((resolve) => void server.close(() => resolve()));

async function listenAt(server: Server, address: ServerAddress): Promise<() => void> {
  if ('path' in address) return listenAtPath(server, address.path);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(address, () => {
      server.off('error', reject);
      resolve();
    });
  });
  return () => undefined;
}
