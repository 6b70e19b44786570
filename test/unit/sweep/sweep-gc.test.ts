/** GC with plugins that are fakes: none of the reference plugins does anything in GC. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { NetworkLocks } from '../../../activities/network/cni/network-locks.ts';
import { SweepGc } from '../../../activities/network/sweep/sweep-gc.ts';
import type { CniAttachmentName } from '../../../domain/ports/cni-plugins.ts';
import { cniRecord, journalEntry, SANDBOX, stored } from './some-node.ts';

const NEVER = new AbortController().signal;
const unused = async (): Promise<never> => assert.fail('not for GC');

function bench() {
  const told: { network: string; valid: readonly CniAttachmentName[] }[] = [];
  let now = 0;
  const networkLocks = new NetworkLocks();
  const configText = cniRecord().configText;
  const gc = new SweepGc(
    {
      networkLocks,
      plugins: {
        ...{ add: unused, del: unused, check: unused, ready: unused, facts: () => ({ gateways: [], others: [] }) },
        gc: async (_config, network, valid) => {
          told.push({ network, valid });
          return true;
        },
      },
      journal: {
        ...{ read: unused, write: unused, remove: unused },
        list: async () => ({ entries: [journalEntry({ interfaceName: 'net2', configText })], unreadable: [] }),
      },
      leftovers: {
        ...{ reservations: unused, removeReservation: unused, removeCacheFile: unused },
        cacheFiles: async () => [
          { file: '/r/a', sandboxId: 'other', interfaceName: 'eth7', network: 'wired' },
          { file: '/r/b', sandboxId: 'other', interfaceName: 'eth8', network: 'elsewhere' },
        ],
      },
    },
    (_network, failure) => assert.fail(String(failure)),
    () => now,
  );
  return { gc, told, networkLocks, later: () => (now += 10 * 60_000) };
}

describe('GC of CNI networks', () => {
  test('names every attachment that anybody may have: recorded, begun, and those of other runtimes', async () => {
    const { gc, told } = bench();
    assert.deepEqual(await gc.run([stored(cniRecord())], NEVER), ['wired']);
    assert.deepEqual(told, [
      {
        network: 'wired',
        valid: [
          { sandboxId: SANDBOX, interfaceName: 'net1' },
          { sandboxId: SANDBOX, interfaceName: 'net2' },
          { sandboxId: 'other', interfaceName: 'eth7' },
        ],
      },
    ]);
  });

  test('names an attachment that was made with an older definition, as long as it is not made anew', async () => {
    const { gc, told } = bench();
    const { network, dialect, cni, configText } = cniRecord();
    const edited = '{"cniVersion":"1.1.0","name":"rewired","type":"bridge"}';
    await gc.run([stored(cniRecord())], NEVER);
    const repair = { configText: edited, madeWith: { network, dialect, cni, configText, definitionUid: 'u' } };
    await gc.run([stored(cniRecord({ phase: 'intent', ...repair }))], NEVER);
    const names = told.slice(1).map(({ valid }) => valid.map(({ interfaceName }) => interfaceName));
    assert.deepEqual(names, [['net1', 'net2', 'eth7'], ['net1']]);
  });

  test('comes once more after the last attachment, then no more, and minutes apart', async () => {
    const { gc, told, later } = bench();
    assert.equal(gc.due(), true);
    await gc.run([stored(cniRecord())], NEVER);
    assert.equal(gc.due(), false);
    later();
    assert.equal(gc.due(), true);
    await gc.run([], NEVER);
    await gc.run([], NEVER);
    assert.equal(told.length, 2);
  });

  test('never runs beside ADD or DEL of its network, nor for a configuration that is older than GC', async () => {
    const { gc, told, networkLocks } = bench();
    await networkLocks.shared(cniRecord().network, async () => {
      assert.deepEqual(await gc.run([stored(cniRecord())], NEVER), []);
    });
    const old = cniRecord({ configText: '{"cniVersion":"1.0.0","name":"wired","type":"bridge"}' });
    assert.deepEqual(await bench().gc.run([stored(old)], NEVER), []);
    assert.deepEqual(told, []);
  });
});
