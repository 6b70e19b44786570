import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createCniLeftovers } from '../../../adapters/cni/leftovers.ts';

describe('what plugins and libcni keep on disk', () => {
  const dir = mkdtempSync(join(tmpdir(), 'podwire-leftovers-'));
  after(() => rmSync(dir, { recursive: true }));
  const [networksDir, resultsDir] = [join(dir, 'networks'), join(dir, 'results')];
  const leftovers = createCniLeftovers({ networksDir, resultsDir });

  test('is nothing when the folders are not there', async () => {
    assert.deepEqual(await leftovers.reservations(), []);
    assert.deepEqual(await leftovers.cacheFiles(), []);
  });

  test('is read in the forms of old and new plugins, and nothing else is taken for it', async () => {
    mkdirSync(join(networksDir, 'a'), { recursive: true });
    writeFileSync(join(networksDir, 'a', '10.0.0.2'), 'id1\r\nnet1');
    writeFileSync(join(networksDir, 'a', 'fd00::2'), 'id2');
    writeFileSync(join(networksDir, 'a', '10.0.0.3'), '');
    writeFileSync(join(networksDir, 'a', 'lock'), '');
    writeFileSync(join(networksDir, 'a', 'last_reserved_ip.0'), '10.0.0.3');
    const found = await leftovers.reservations();
    assert.deepEqual(found.map(({ address, sandboxId, interfaceName }) => [address, sandboxId, interfaceName]).sort(), [
      ['10.0.0.2', 'id1', 'net1'],
      ['10.0.0.3', '', ''],
      ['fd00::2', 'id2', ''],
    ]);
    mkdirSync(resultsDir);
    const cache = { kind: 'cniCacheV1', containerId: 'id1', ifName: 'net1', networkName: 'a', config: 'e30=' };
    writeFileSync(join(resultsDir, 'a-id1-net1'), JSON.stringify(cache));
    writeFileSync(join(resultsDir, 'a-id2-net1'), '{"cniVersion":"0.3.1"}');
    assert.deepEqual(await leftovers.cacheFiles(), [
      { file: join(resultsDir, 'a-id1-net1'), sandboxId: 'id1', interfaceName: 'net1', network: 'a' },
    ]);
  });

  test("is removed under host-local's own lock: an address that is given away meanwhile stays", async (t) => {
    const folder = join(networksDir, 'locked');
    mkdirSync(folder);
    const file = join(folder, '10.0.0.2');
    writeFileSync(file, 'id1\r\nnet1');
    const seen = { network: 'locked', address: '10.0.0.2', sandboxId: 'id1', interfaceName: 'net1' };
    // As host-local does: flock(2) on the file `lock` of the network's folder.
    const holder = spawn('/usr/bin/flock', [join(folder, 'lock'), '/bin/sh', '-c', 'echo held; read wait'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    t.after(() => holder.kill('SIGKILL'));
    await once(holder.stdout, 'data');
    const removal = leftovers.removeReservation(seen);
    await sleep(300);
    assert.equal(existsSync(file), true, 'it did not wait');
    writeFileSync(file, 'id2\r\nnet1');
    holder.stdin.end('\n');
    assert.equal(await removal, false);
    assert.equal(existsSync(file), true);
    assert.equal(await leftovers.removeReservation({ ...seen, sandboxId: 'id2' }), true);
    // The lock is free again.
    assert.equal(spawnSync('/usr/bin/flock', ['--nonblock', join(folder, 'lock'), '/bin/true']).status, 0);
  });

  test('stays while somebody holds the lock for long, and that is told', async (t) => {
    const folder = join(networksDir, 'stuck');
    mkdirSync(folder);
    writeFileSync(join(folder, '10.0.0.2'), 'id1\r\nnet1');
    const holder = spawn('/usr/bin/flock', [join(folder, 'lock'), '/bin/sh', '-c', 'echo held; read wait'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    t.after(() => holder.kill('SIGKILL'));
    await once(holder.stdout, 'data');
    const seen = { network: 'stuck', address: '10.0.0.2', sandboxId: 'id1', interfaceName: 'net1' };
    await assert.rejects(leftovers.removeReservation(seen), /stuck.*lock/);
    assert.equal(existsSync(join(folder, '10.0.0.2')), true);
    holder.stdin.end('\n');
  });

  test('is removed only while it says what was seen', async () => {
    const [seen] = (await leftovers.reservations()).filter(({ address }) => address === '10.0.0.2');
    assert.ok(seen);
    writeFileSync(join(networksDir, 'a', '10.0.0.2'), 'id9\r\nnet1');
    assert.equal(await leftovers.removeReservation(seen), false);
    assert.equal(await leftovers.removeReservation({ ...seen, sandboxId: 'id9' }), true);
    assert.equal(existsSync(join(networksDir, 'a', '10.0.0.2')), false);
  });
});
