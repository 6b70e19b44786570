/** gRPC calls of the container runtime interface over its Unix socket: one deadline per call, errors in podwire's terms. */
import { fileURLToPath } from 'node:url';
import {
  connectivityState,
  credentials,
  loadPackageDefinition,
  status,
  type Channel,
  type ServiceError,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { PodwireError } from '../../domain/failures.ts';

export interface CriClient {
  /**
   * One unary call; the answer is as the proto loader makes it (enums and 64-bit numbers as text).
   * @returns undefined when the runtime says NotFound
   * @throws PodwireError CriUnavailable for everything else, `close` included
   */
  call(method: CriMethod, request: object, deadlineMs?: number): Promise<unknown>;
  /** Ends also what is under way: a runtime that does not answer holds up nobody's end. */
  close(): void;
}

export interface CriConnection extends CriClient {
  /** Tells when the connection is lost: the runtime has ended, or was started anew. */
  onLost(tell: () => void): void;
}

type CriMethod = 'Version' | 'ListPodSandbox' | 'PodSandboxStatus' | 'ListContainers' | 'ExecSync';

const DEADLINE_MS = 2_000;
/** An answer holds all sandboxes of a node, or one with its whole runtime specification. */
const MAX_ANSWER = 16 * 1024 * 1024;

type Unary = (
  request: object,
  options: { deadline: number },
  done: (error: ServiceError | null, answer: unknown) => void,
) => { cancel(): void };
type RuntimeService = Record<CriMethod, Unary> & { close(): void; getChannel(): Channel };

/** @param socket path of the runtime's socket, with or without `unix://`; it need not exist yet, and may come back later. */
export function createCriClient(socket: string): CriConnection {
  const service = connect(`unix://${socket.replace(/^unix:\/\//, '')}`);
  const underWay = new Set<{ cancel(): void }>();
  let closed = false;
  return {
    call: (method, request, deadlineMs = DEADLINE_MS) =>
      new Promise((resolve, reject) => {
        if (closed) {
          reject(
            new PodwireError('CriUnavailable', `container runtime at ${socket}: ${method}: this process is ending`),
          );
          return;
        }
        const asking = service[method](request, { deadline: Date.now() + deadlineMs }, (error, answer) => {
          underWay.delete(asking);
          if (error === null) resolve(answer);
          else if (error.code === status.NOT_FOUND) resolve(undefined);
          else reject(unavailable(socket, method, error));
        });
        underWay.add(asking);
      }),
    close: () => {
      closed = true;
      for (const asking of underWay) asking.cancel();
      service.close();
    },
    onLost: (tell) => {
      const channel = service.getChannel();
      const follow = (): void => {
        const before = channel.getConnectivityState(false);
        channel.watchConnectivityState(before, Infinity, () => {
          if (closed) return;
          if (before === connectivityState.READY) tell();
          follow();
        });
      };
      follow();
    },
  };
}

function connect(target: string): RuntimeService {
  const definition = loadSync(fileURLToPath(new URL('cri.proto', import.meta.url)), {
    keepCase: true,
    longs: String,
    enums: String,
    defaults: true,
  });
  const loaded = loadPackageDefinition(definition) as unknown as {
    runtime: { v1: { RuntimeService: new (target: string, creds: unknown, options: object) => RuntimeService } };
  };
  return new loaded.runtime.v1.RuntimeService(target, credentials.createInsecure(), {
    // A runtime that was restarted is used within a second; the default pause grows to two minutes.
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 1_000,
    'grpc.max_receive_message_length': MAX_ANSWER,
    // The runtime sees `localhost` as the authority; containerd refuses a path with escaped slashes.
    'grpc.default_authority': 'localhost',
  });
}

function unavailable(socket: string, method: string, error: ServiceError): PodwireError {
  const name = status[error.code] ?? String(error.code);
  return new PodwireError(
    'CriUnavailable',
    `container runtime at ${socket}: ${method} failed with ${name}: ${error.details.slice(0, 200)}`,
    {
      cause: error,
    },
  );
}
