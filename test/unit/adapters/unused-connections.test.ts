/** A process's connections of gRPC, with a server that only counts them. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Http2Server, type ServerHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { Client, credentials, type ChannelOptions } from '@grpc/grpc-js';
import { withConnectLimit } from '../../../adapters/grpc/connect-limit.ts';
import { until } from '../../workflows/limits.ts';

const LIMIT_MS = 5_000;

describe('connections of gRPC', () => {
  const sessions = new Set<ServerHttp2Session>();
  let server: Http2Server;

  before(async () => {
    server = createServer();
    server.on('session', (session) => sessions.add(session.on('close', () => sessions.delete(session))));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  after(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });

  const connected = async (options: ChannelOptions = {}): Promise<Client> => {
    const { port } = server.address() as AddressInfo;
    const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), withConnectLimit(options));
    await new Promise<void>((resolve, reject) => {
      client.waitForReady(Date.now() + LIMIT_MS, (error) => (error === undefined ? resolve() : reject(error)));
    });
    return client;
  };

  it('are nothing that two channels share', async () => {
    const clients = [await connected(), await connected()];
    await until('two connections', () => sessions.size === 2, LIMIT_MS);
    for (const client of clients) client.close();
    await until('the end of both', () => sessions.size === 0, LIMIT_MS);
  });

  it('are closed when their channel has gone idle, and made again by the next call', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: Date.now() });
    const client = await connected({ 'grpc.client_idle_timeout_ms': 20_000 });
    for (let seconds = 0; seconds < 40; seconds += 1) {
      t.mock.timers.tick(1_000);
      await new Promise(setImmediate);
    }
    t.mock.timers.reset();
    await until('the end of the connection', () => sessions.size === 0, LIMIT_MS);
    client.waitForReady(Date.now() + LIMIT_MS, () => undefined);
    await until('a connection', () => sessions.size === 1, LIMIT_MS);
    client.close();
  });

  it('wake nobody while all of them are in use', async (t) => {
    const intervals = t.mock.method(globalThis, 'setInterval');
    const client = await connected();
    const short = intervals.mock.calls.filter(({ arguments: [, ms = 0] }) => ms < 60_000);
    assert.deepEqual(short, []);
    client.close();
  });
});
