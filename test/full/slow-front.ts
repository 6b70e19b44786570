/** A program: listens at the first argument (`host:port`), connects on to the second, and brings what comes back later by the third (ms). */
import { connect, createServer, type Socket } from 'node:net';

const [listen = '', target = '', delayMs = ''] = process.argv.slice(2);
const hostAndPort = (text: string): { host: string; port: number } => {
  const at = text.lastIndexOf(':');
  return { host: text.slice(0, at), port: Number(text.slice(at + 1)) };
};

/** Timers of one length end in the order in which they were begun. */
const later = (work: () => void): void => void setTimeout(work, Number(delayMs));

createServer({ noDelay: true }, (client: Socket) => {
  const server = connect({ ...hostAndPort(target), noDelay: true });
  client.pipe(server);
  server.on('data', (chunk) => later(() => client.write(chunk)));
  server.on('end', () => later(() => client.end()));
  for (const [socket, other] of [
    [client, server],
    [server, client],
  ] as const)
    socket.on('error', () => other.destroy());
}).listen(hostAndPort(listen));
