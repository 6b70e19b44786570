/** The node worker's end of its CNI plugin. */
import { createCallServer } from './http-calls.ts';
import { listenAtPath } from './listen.ts';
import { CniOperations, type CniOperationsOptions } from './operations.ts';

export interface CniServerOptions extends CniOperationsOptions {
  /** Path of the Unix socket. */
  readonly socket: string;
}

export interface CniServer {
  readonly counts: Pick<CniOperations, 'atWork' | 'waiting'>;
  /** Takes the socket away, gives what is under way some time to end, then gives it up with "try again later". */
  stop(): Promise<void>;
}

const STOP_GRACE_MS = 2_000;
/** For the last answers to get out. */
const ANSWER_MS = 500;

/** @throws SocketRefused, the error of the file system */
export async function startCniServer(options: CniServerOptions): Promise<CniServer> {
  const operations = new CniOperations(options);
  const server = createCallServer(operations);
  const removePath = await listenAtPath(server, options.socket);
  let stopped: Promise<void> | undefined;
  return {
    counts: operations,
    stop: () => {
      stopped ??= new Promise((resolve) => {
        removePath();
        server.close(() => resolve());
        setTimeout(() => operations.end(), STOP_GRACE_MS).unref();
        setTimeout(() => server.closeAllConnections(), STOP_GRACE_MS + ANSWER_MS).unref();
      });
      return stopped;
    },
  };
}
