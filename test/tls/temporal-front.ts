/**
 * TLS in front of Temporal's dev server, which has no TLS of its own: a real end of TLS that wants a client's certificate and speaks
 * HTTP/2 by ALPN, as a frontend with mTLS does, and passes the bytes on.
 */
import { once } from 'node:events';
import { constants } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { createServer, type TLSSocket } from 'node:tls';
import { splitAddress } from '../../adapters/http/web-server.ts';
import type { Pair } from './authority.ts';

export interface ServerFiles {
  /** Of the clients' authority. */
  readonly ca: string;
  readonly pair: Pair;
}

export interface TemporalFront {
  /** `host:port`. */
  readonly address: string;
  /** Names (CN) of clients that came, in order, and how many were refused, since the last rotation. */
  readonly seen: { clients: string[]; refused: number };
  /** From now on other certificates are shown and asked for; connections that are open are cut. */
  rotate(files: ServerFiles): void;
  close(): Promise<void>;
}

export async function startTemporalFront(behind: string, files: ServerFiles): Promise<TemporalFront> {
  const sockets = new Set<Socket | TLSSocket>();
  const seen: TemporalFront['seen'] = { clients: [], refused: 0 };
  const keep = (socket: Socket): void => {
    sockets.add(socket);
    // A cut connection ends with an error on either side.
    socket.on('error', () => socket.destroy()).on('close', () => sockets.delete(socket));
  };
  const asked = { requestCert: true, rejectUnauthorized: true, ALPNProtocols: ['h2'] };
  const server = createServer({ ...read(files), ...asked }, (client) => {
    seen.clients.push(String(client.getPeerCertificate().subject.CN));
    const { host, port } = splitAddress(behind);
    const upstream = connect(port, host);
    keep(client);
    keep(upstream);
    client.on('close', () => upstream.destroy());
    upstream.on('close', () => client.destroy());
    client.pipe(upstream).pipe(client);
  });
  server.on('tlsClientError', () => (seen.refused += 1));
  server.on('connection', (socket: Socket) => keep(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    rotate: (next) => {
      server.setSecureContext(read(next));
      Object.assign(seen, { clients: [], refused: 0 });
      for (const socket of [...sockets]) socket.destroy();
    },
    close: async () => {
      for (const socket of [...sockets]) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** No tickets: a session that is resumed would not show its certificate again. */
const read = ({ ca, pair }: ServerFiles) => ({
  ...{ ca: readFileSync(ca), cert: readFileSync(pair.cert), key: readFileSync(pair.key) },
  secureOptions: constants.SSL_OP_NO_TICKET,
});
