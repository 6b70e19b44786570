/** What the core of Temporal's SDK sends through podwire's proxy on the loopback must not wait for acknowledgements (Nagle's algorithm, RFC 896). */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { getIntOption, ipv4Ports } from '../../adapters/libc/calls.ts';
import { createLogger } from '../../adapters/log/logger.ts';
import { connectWorker, type WorkerConnection } from '../../workers/native-connection.ts';
import { startDevServer, type DevServer } from './dev-server.ts';
import { until } from './limits.ts';

/** netinet/in.h, netinet/tcp.h */
const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;

let server: DevServer;
let connection: WorkerConnection;

before(async () => {
  server = await startDevServer();
  const options = { address: server.address, namespace: 'default' };
  connection = await connectWorker(options, createLogger('test', 'silent'), new AbortController().signal);
});
after(async () => {
  await connection.close();
  await server.stop();
});

interface Connected {
  readonly fd: number;
  readonly local: number;
  readonly peer: number;
}

const connected = (): Connected[] =>
  readdirSync('/proc/self/fd')
    .map(Number)
    .flatMap((fd) => {
      const ports = ipv4Ports(fd);
      return ports === undefined ? [] : [{ fd, ...ports }];
    });

test('the connection between the core and the proxy sends at once from both of its ends', async () => {
  const bothEnds = (): Connected[] => {
    const all = connected();
    return all.filter(({ local, peer }) => all.some((other) => other.local === peer && other.peer === local));
  };
  assert.equal(bothEnds().length, 2, 'the core connects to a proxy in its own process');
  await until('both ends to send at once', () =>
    bothEnds().every(({ fd }) => getIntOption(fd, IPPROTO_TCP, TCP_NODELAY) !== 0),
  );
});
