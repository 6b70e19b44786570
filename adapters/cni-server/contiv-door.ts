/**
 * The address that contiv's configurations name as `grpcServer`. contiv's own plugin speaks gRPC there, podwire's under contiv's name speaks
 * podwire's protocol: the first bytes of a connection tell which it is, so that nodes can have the one or the other.
 */
import type { Server as HttpServer } from 'node:http';
import { createServer, type Server, type Socket } from 'node:net';
import type { ContivCalls } from './contiv-calls.ts';

/** How an HTTP/2 connection begins (RFC 9113, section 3.4). No method of HTTP/1.1 does. */
const HTTP2 = 'PRI ';
/** From the connection to its first bytes. */
const FIRST_BYTES_MS = 5_000;
const MAX_CONNECTIONS = 1_024;

/** Not listening yet. @param http the server of podwire's protocol */
export function createContivDoor(contiv: ContivCalls, http: HttpServer): Server {
  const door = createServer((socket) => {
    const slow = setTimeout(() => socket.destroy(), FIRST_BYTES_MS);
    // Whoever takes the connection listens from then on.
    const onError = (): void => void socket.destroy();
    socket.on('error', onError);
    socket.once('close', () => clearTimeout(slow));
    const look = (): void => {
      const begin = socket.read() as Buffer | null;
      if (begin === null) return;
      if (begin.length < HTTP2.length && HTTP2.startsWith(begin.toString('latin1'))) {
        socket.unshift(begin);
        socket.once('readable', look);
        return;
      }
      clearTimeout(slow);
      socket.unshift(begin);
      hand(socket, begin.toString('latin1', 0, HTTP2.length) === HTTP2 ? contiv : http);
      socket.off('error', onError);
    };
    socket.once('readable', look);
  });
  door.maxConnections = MAX_CONNECTIONS;
  return door;
}

function hand(socket: Socket, to: ContivCalls | HttpServer): void {
  if ('take' in to) to.take(socket);
  else to.emit('connection', socket);
}
