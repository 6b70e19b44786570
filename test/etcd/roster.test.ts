/** Who serves runs, on a real etcd: an entry for as long as its process lives, in the order in which they began. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Etcd3 } from 'etcd3';
import { openEtcd, type EtcdConnection } from '../../adapters/etcd/open.ts';
import { createRoster } from '../../adapters/etcd/roster.ts';
import { orchestratorKey, orchestratorsPrefix } from '../../domain/keys.ts';
import { dutiesOf } from '../../domain/workflow-builds.ts';
import { startEtcd, type EtcdServer } from './etcd-server.ts';

let server: EtcdServer;
let connection: EtcdConnection;
let admin: Etcd3;

before(async () => {
  server = await startEtcd();
  connection = openEtcd({ endpoints: [server.endpoint], timeoutMs: 5_000 });
  admin = new Etcd3({ hosts: server.endpoint });
});
after(async () => {
  connection.close();
  admin.close();
  await server.stop();
});

const roster = (id: string, build: string) => createRoster(connection, { id, build });

test('the last to begin decides, until it signs off', async () => {
  const [old, later] = [roster('a', '1'), roster('b', '2')];
  assert.deepEqual(dutiesOf(await old.renew()), { decides: true, served: ['1'] });
  assert.deepEqual(dutiesOf(await later.renew()), { decides: true, served: ['1', '2'] });
  // To go on is not to begin.
  assert.equal(dutiesOf(await old.renew()).decides, false);
  assert.equal(dutiesOf(await later.renew()).decides, true);
  await later.leave();
  assert.deepEqual(dutiesOf(await old.renew()), { decides: true, served: ['1'] });
  await old.leave();
  assert.deepEqual(await admin.getAll().prefix(orchestratorsPrefix()).keys(), []);
});

test('an entry goes with its lease, and comes back when its process goes on', async () => {
  const one = roster('c', '1');
  await one.renew();
  const [kv] = (await admin.get(orchestratorKey('c')).exec()).kvs;
  assert.ok(kv !== undefined && Number(kv.lease) > 0, 'etcd removes the entry of a process that was killed');
  await admin.leaseClient.leaseRevoke({ ID: kv.lease });
  assert.equal(await admin.get(orchestratorKey('c')).string(), null);
  assert.equal((await one.renew()).filter(({ isMe }) => isMe).length, 1);
  // An etcd that was emptied knows the lease, and no entry.
  await admin.delete().all();
  assert.equal((await one.renew()).filter(({ isMe }) => isMe).length, 1);
  await one.leave();
});

test('an entry that is no build is refused by its key, and asks Temporal nothing', async () => {
  await admin.put(orchestratorKey('d')).value(JSON.stringify({ v: 1, build: '" OR "" = "' }));
  await assert.rejects(roster('e', '1').renew(), { code: 'RecordInvalid', message: /orchestrators\/d/ });
});
