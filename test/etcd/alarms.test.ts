/** An etcd whose quota is used up, as `podwire status` shows it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createEtcd } from '../../adapters/etcd/client.ts';
import { storeAlarmsText } from '../../cli/store-alarms.ts';
import { startEtcd } from './etcd-server.ts';

describe('an alarm of podwire’s etcd', () => {
  it('is shown with what to do, and nothing while none is raised or etcd is away', async () => {
    const small = await startEtcd(['--quota-backend-bytes=4194304']);
    const options = { endpoints: [small.endpoint], timeoutMs: 5_000 };
    const etcd = createEtcd(options);
    try {
      assert.equal(await storeAlarmsText(options), '');
      const value = 'x'.repeat(500_000);
      await assert.rejects(async () => {
        for (let index = 0; index < 32; index += 1) await etcd.transact([], [{ put: `/big/${index}`, value }]);
      });
      assert.match(
        await storeAlarmsText(options),
        /^podwire's etcd: alarm NOSPACE: the quota is used up.*nothing is attached or detached.*Do: etcdctl .*alarm disarm\n$/,
      );
    } finally {
      etcd.close();
      await small.stop();
    }
    assert.equal(await storeAlarmsText(options), '');
  });
});
