import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
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

  test('is removed only while it says what was seen', async () => {
    const [seen] = (await leftovers.reservations()).filter(({ address }) => address === '10.0.0.2');
    assert.ok(seen);
    writeFileSync(join(networksDir, 'a', '10.0.0.2'), 'id9\r\nnet1');
    assert.equal(await leftovers.removeReservation(seen), false);
    assert.equal(await leftovers.removeReservation({ ...seen, sandboxId: 'id9' }), true);
    assert.equal(existsSync(join(networksDir, 'a', '10.0.0.2')), false);
  });
});
