/** A loopback port that leads to an etcd with TLS, for what reads etcd in plain text: it shows the certificate that is asked for. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { splitAddress } from '../../adapters/http/web-server.ts';
import type { ServerFiles } from './temporal-front.ts';

export interface PlainDoor {
  /** `host:port`. */
  readonly address: string;
  close(): Promise<void>;
}

/** @param files of the client, asked at each connection */
export async function openPlainDoor(behind: string, files: () => ServerFiles): Promise<PlainDoor> {
  const open = new Set<Socket | TLSSocket>();
  const { host, port } = splitAddress(behind);
  const server = createServer((client) => {
    const { ca, pair } = files();
    const [cert, key] = [readFileSync(pair.cert), readFileSync(pair.key)];
    const upstream = connect({ host, port, ca: readFileSync(ca), cert, key, ALPNProtocols: ['h2'] });
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      open.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        open.delete(socket);
        other.destroy();
      });
    }
    client.pipe(upstream).pipe(client);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      for (const socket of [...open]) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
