/** A client of etcd whose network is slow, or has lost a connection without a word. */
import assert from 'node:assert/strict';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { after, before, beforeEach, describe, it } from 'node:test';
import { createEtcd, type Etcd } from '../../adapters/etcd/client.ts';
import { PodwireError } from '../../domain/failures.ts';
import { startEtcd, type EtcdServer } from './etcd-server.ts';
import { freePort } from '../workflows/free-port.ts';

const LIMIT_MS = 400;
/** A call alone is well within its limit; a call that waits for a new connection first is not. */
const SLOW_MS = 250;

describe('a client of etcd', () => {
  let server: EtcdServer;
  let front: Server;
  let etcd: Etcd;
  const fronted: Socket[] = [];
  let delayMs = 0;
  before(async () => {
    server = await startEtcd();
    const target = Number(new URL(server.endpoint).port);
    const port = await freePort();
    front = createServer({ noDelay: true }, (client) => {
      fronted.push(client);
      const behind = connect({ host: '127.0.0.1', port: target, noDelay: true });
      client.pipe(behind);
      behind.on('data', (chunk) => setTimeout(() => client.write(chunk), delayMs));
      behind.on('error', () => client.destroy());
      client.on('error', () => behind.destroy());
      client.on('close', () => behind.destroy());
    }).listen(port, '127.0.0.1');
    etcd = createEtcd({ endpoints: [`http://127.0.0.1:${port}`], timeoutMs: LIMIT_MS });
  });
  beforeEach(async () => {
    delayMs = 0;
    await etcd.get('/podwire/x');
  });
  after(async () => {
    etcd.close();
    front.close();
    fronted.forEach((socket) => socket.destroy());
    await server.stop();
  });
  const unavailable = (error: unknown): boolean => error instanceof PodwireError && error.code === 'EtcdUnavailable';

  it('keeps its connection when an answer comes too late, so that the next call is in time', async () => {
    const connections = fronted.length;
    for (let round = 0; round < 3; round += 1) {
      delayMs = LIMIT_MS * 2;
      await assert.rejects(etcd.get('/podwire/x'), unavailable);
      delayMs = SLOW_MS;
      assert.equal(await etcd.get('/podwire/x'), undefined);
    }
    assert.equal(fronted.length, connections);
  });

  it('makes a new connection when three calls in a row had no answer', async () => {
    const lost = fronted.at(-1);
    lost?.pause();
    lost?.unpipe();
    for (let call = 0; call < 3; call += 1) await assert.rejects(etcd.get('/podwire/x'), unavailable);
    assert.equal(await etcd.get('/podwire/x'), undefined);
    assert.notEqual(fronted.at(-1), lost);
  });
});
