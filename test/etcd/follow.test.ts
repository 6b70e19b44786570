/** Whoever follows keys of podwire's etcd is told of changes, and of the times in which it would not be. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { createEtcd } from '../../adapters/etcd/client.ts';
import { waitFor } from '../../deploy/lab/waiting.ts';
import { startEtcd } from './etcd-server.ts';

const KEY = '/podwire/followed';
const LIMIT = { limitMs: 15_000 };

describe('what follows keys of etcd', () => {
  it('hears of changes, also of an etcd that was emptied and started anew, and ends when told to', async () => {
    const ear = { isHeard: false, changes: 0 };
    const stopping = new AbortController();
    let server = await startEtcd();
    // One address for each etcd that comes.
    const front = createServer((client) => {
      const behind = connect(Number(new URL(server.endpoint).port), '127.0.0.1');
      client.pipe(behind).pipe(client);
      for (const [end, other] of [
        [client, behind],
        [behind, client],
      ] as const)
        end.on('error', () => other.destroy()).on('close', () => other.destroy());
    }).listen(0, '127.0.0.1');
    await once(front, 'listening');
    const endpoint = `http://127.0.0.1:${(front.address() as AddressInfo).port}`;
    const etcd = createEtcd({ endpoints: [endpoint], timeoutMs: 1_000 });
    const following = etcd.follow(
      [{ key: KEY }, { prefix: '/podwire/below/' }],
      { heard: (isHeard) => (ear.isHeard = isHeard), changed: () => (ear.changes += 1) },
      stopping.signal,
    );
    const put = (key: string): Promise<unknown> => etcd.transact([], [{ put: key, value: '' }]);
    const heard = (): Promise<unknown> => waitFor('it to be heard', async () => ear.isHeard || undefined, LIMIT);
    try {
      for (let life = 0; life < 2; life += 1) {
        await heard();
        for (const key of [KEY, '/podwire/below/x']) {
          const before = ear.changes;
          await put(key);
          await waitFor(`${key} to be told`, async () => ear.changes > before || undefined, LIMIT);
        }
        const before = ear.changes;
        await put('/podwire/other');
        assert.equal(ear.changes, before);
        await server.stop();
        await waitFor('its end to be heard', async () => !ear.isHeard || undefined, LIMIT);
        server = await startEtcd();
      }
    } finally {
      const startedAt = performance.now();
      stopping.abort();
      await following;
      assert.ok(performance.now() - startedAt < 2_000, 'it ends at once');
      etcd.close();
      await server.stop();
      front.close();
    }
  });
});
