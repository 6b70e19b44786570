/** podwire's own protocol (domain/cni-server/protocol.ts) by HTTP/1.1. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { CNI_CODES } from '../../domain/cni-server/pod-cni.ts';
import { requestOfPath, type CniService, type ServerAnswer } from '../../domain/cni-server/protocol.ts';
import { AskerGone, type CniOperations } from './operations.ts';
import { MAX_REQUEST_BYTES, readRequest } from './request-schemas.ts';

const HEADERS_MS = 5_000;
/** From the first to the last byte of a request. */
const REQUEST_MS = 10_000;
/** How often the two are looked after. Only root can open the socket, and an idle node does not wake for it. */
const CHECK_MS = 600_000;
/** More than wait for their turn and are at work, so that those are told why. */
const MAX_CONNECTIONS = 1_024;

/** Not listening yet. @param services those that this node has */
export function createCallServer(services: Readonly<Partial<Record<CniService, CniOperations>>>): Server {
  const server = createServer(
    { connectionsCheckingInterval: CHECK_MS },
    (request, response) => void answer(request, response, services),
  );
  server.headersTimeout = HEADERS_MS;
  server.requestTimeout = REQUEST_MS;
  server.maxConnections = MAX_CONNECTIONS;
  return server;
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  services: Readonly<Partial<Record<CniService, CniOperations>>>,
): Promise<void> {
  const asked = requestOfPath(request.url ?? '');
  const operations = asked === undefined ? undefined : services[asked.service];
  if (asked === undefined || operations === undefined || request.method !== 'POST') {
    send(
      response,
      operations === undefined ? 404 : 405,
      refusal(`${request.method} ${request.url} is none of its requests`),
    );
    return;
  }
  const gone = new AbortController();
  response.once('close', () => gone.abort(new AskerGone('nobody waits for the answer any more')));
  const body = await bodyOf(request);
  if (body === undefined) {
    send(response, 413, refusal(`it has more than ${MAX_REQUEST_BYTES} bytes; allowed: at most that`));
    return;
  }
  const { command, service } = asked;
  const answered = await operations.serve(command, () => readRequest(command, body, service), gone.signal);
  send(response, 'error' in answered ? 422 : 200, answered);
}

/** undefined: longer than allowed, or it has not come to its end; then nobody reads the answer. */
async function bodyOf(request: IncomingMessage): Promise<string | undefined> {
  const parts: Buffer[] = [];
  let bytes = 0;
  try {
    // What is too long is refused, and the answer goes the same way.
    for await (const part of request.iterator({ destroyOnReturn: false })) {
      bytes += (part as Buffer).length;
      if (bytes > MAX_REQUEST_BYTES) return undefined;
      parts.push(part as Buffer);
    }
  } catch {
    return undefined;
  }
  return Buffer.concat(parts).toString('utf8');
}

function send(response: ServerResponse, status: number, answered: ServerAnswer): void {
  const text = JSON.stringify(answered);
  // A connection has one call: what starts a plugin starts another one for the next.
  const headers = {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    connection: 'close',
  };
  response.writeHead(status, headers);
  response.end(text);
}

const refusal = (why: string): ServerAnswer => ({
  error: { code: CNI_CODES.decode, msg: `the request to the node worker is refused: ${why}` },
});
