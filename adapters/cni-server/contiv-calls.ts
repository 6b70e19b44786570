/** contiv's `cni.RemoteCNI` by gRPC, for its own plugin contiv-cni, which looks at nothing of a reply but whether the call has failed. */
import { fileURLToPath } from 'node:url';
import {
  loadPackageDefinition,
  Server,
  ServerCredentials,
  status,
  type sendUnaryData,
  type ServerUnaryCall,
  type ServiceDefinition,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import type { JsonObject } from '../../domain/cni/attachment.ts';
import {
  callOfContiv,
  contivReply,
  type ContivReply,
  type ContivRequest,
} from '../../domain/cni-server/contiv-messages.ts';
import { CNI_CODES } from '../../domain/cni-server/pod-cni.ts';
import { AskerGone, type CniOperations } from './operations.ts';
import { MAX_REQUEST_BYTES } from './request-schemas.ts';

type Call = ServerUnaryCall<ContivRequest, ContivReply>;
type Done = sendUnaryData<ContivReply>;

const TRY_LATER: readonly number[] = [CNI_CODES.tryAgainLater, CNI_CODES.notAvailable, CNI_CODES.notAvailableLimited];
const NOTHING: ContivReply = { interfaces: [], routes: [], dns: [] };

/** Takes connections that others have accepted. */
export interface ContivCalls {
  take(connection: Parameters<ReturnType<Server['createConnectionInjector']>['injectConnection']>[0]): void;
  /** Ends all connections. */
  close(): void;
}

export function createContivCalls(operations: CniOperations): ContivCalls {
  const server = new Server({ 'grpc.max_receive_message_length': MAX_REQUEST_BYTES });
  server.addService(definition(), {
    Add: (call: Call, done: Done) => void serve(operations, 'ADD', call, done),
    Delete: (call: Call, done: Done) => void serve(operations, 'DEL', call, done),
  });
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  return {
    take: (connection) => injector.injectConnection(connection),
    close: () => {
      injector.destroy();
      server.forceShutdown();
    },
  };
}

async function serve(operations: CniOperations, command: 'ADD' | 'DEL', call: Call, done: Done): Promise<void> {
  const gone = new AbortController();
  call.on('cancelled', () => gone.abort(new AskerGone('nobody waits for the answer any more')));
  const { request } = call;
  const answered = await operations.serve(command, () => ({ command, ...callOfContiv(request, command) }), gone.signal);
  if ('error' in answered) done({ code: statusOf(answered.error.code), details: answered.error.msg });
  else if (answered.result === undefined) done(null, NOTHING);
  else done(null, contivReply(answered.result as JsonObject, request.interface_name));
}

/** @param code of the CNI specification */
function statusOf(code: number): status {
  if (TRY_LATER.includes(code)) return status.UNAVAILABLE;
  return code < CNI_CODES.tryAgainLater && code !== CNI_CODES.io ? status.INVALID_ARGUMENT : status.INTERNAL;
}

function definition(): ServiceDefinition {
  const loaded = loadPackageDefinition(
    loadSync(fileURLToPath(new URL('contiv-cni.proto', import.meta.url)), {
      keepCase: true,
      enums: String,
      defaults: true,
    }),
  ) as unknown as { cni: { RemoteCNI: { service: ServiceDefinition } } };
  return loaded.cni.RemoteCNI.service;
}
