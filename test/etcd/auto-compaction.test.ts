import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startAutoCompaction } from '../../adapters/reflect/auto-compaction.ts';
import { openEtcd } from '../../adapters/etcd/open.ts';
import { until } from '../workflows/limits.ts';
import { startEtcd, type EtcdServer } from './etcd-server.ts';

let server: EtcdServer;
before(async () => {
  server = await startEtcd();
});
after(() => server.stop());

test('old values are thrown away a period later, the current ones stay, and two at once do no harm', async () => {
  const client = openEtcd({ endpoints: [server.endpoint], timeoutMs: 2_000 });
  const failures: unknown[] = [];
  const done: string[] = [];
  const observer = {
    compacted: (revision: string) => void done.push(revision),
    failed: (error: unknown) => void failures.push(error),
  };
  const old = (await client.use((etcd) => etcd.put('a').value('1'))).header.revision;
  await client.use((etcd) => etcd.put('a').value('2'));
  const both = [startAutoCompaction(client, 100, observer), startAutoCompaction(client, 100, observer)];
  try {
    await until('a compaction', () => done.length > 0);
    await assert.rejects(
      client.use((etcd) => etcd.get('a').revision(old).string()),
      /compacted/,
    );
    assert.equal(await client.use((etcd) => etcd.get('a').string()), '2');
    assert.deepEqual(failures, []);
  } finally {
    await Promise.all(both.map((one) => one.stop()));
    client.close();
  }
});

test('an etcd that does not answer is told, and compacted once it does', async () => {
  const client = openEtcd({ endpoints: [server.endpoint], timeoutMs: 300 });
  const seen: string[] = [];
  const observer = { compacted: () => void seen.push('compacted'), failed: () => void seen.push('failed') };
  await client.use((etcd) => etcd.put('b').value('1'));
  server.freeze();
  const compaction = startAutoCompaction(client, 100, observer);
  try {
    await until('a failure', () => seen.includes('failed'));
    server.thaw();
    await until('a compaction', () => seen.includes('compacted'));
  } finally {
    server.thaw();
    await compaction.stop();
    client.close();
  }
});
