/** The sweep's control side on a real etcd; the cluster, signals and runs are recorded calls. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { createSweepControlActivities } from '../../activities/control/sweep.ts';
import type { RepairDriftInput } from '../../activities/control/sweep-inputs.ts';
import { createEtcd, type Etcd } from '../../adapters/etcd/client.ts';
import { createRecordStore } from '../../adapters/etcd/record-store.ts';
import { PodwireError } from '../../domain/failures.ts';
import type { PodEvent } from '../../domain/ports/cluster.ts';
import type { AttachmentRecord, Stored } from '../../domain/records.ts';
import { startEtcd, type EtcdServer } from './etcd-server.ts';
import { intent, memberOf, RESULT } from './some-records.ts';

let server: EtcdServer;
let etcd: Etcd;
before(async () => {
  server = await startEtcd();
  etcd = createEtcd({ endpoints: [server.endpoint], timeoutMs: 5_000 });
});
after(async () => {
  etcd.close();
  await server.stop();
});

function bench(o: { open?: boolean; apiFails?: number } = {}) {
  const records = createRecordStore(etcd);
  const events: PodEvent[] = [];
  const signals: string[] = [];
  let failures = o.apiFails ?? 0;
  const activities = createSweepControlActivities({
    records,
    cluster: {
      podHasAddress: async (address) => address === '10.0.0.7',
      createEvent: async (_pod, event) => {
        if ((failures -= 1) >= 0) throw new PodwireError('ApiUnavailable', 'as told');
        events.push(event);
      },
    },
    signals: { podChanged: async ({ uid }) => void signals.push(uid) },
    runs: { isOpen: async () => o.open === true, removeSweepSchedule: async () => undefined },
  });
  return { records, events, signals, ...activities };
}

let numbers = 0;
async function attached({ records }: ReturnType<typeof bench>): Promise<Stored<AttachmentRecord>> {
  numbers += 1;
  const record = intent(`swept-${numbers}`, 5_000 + numbers);
  const outcome = await records.recordIntent(record);
  assert.ok(outcome.kind === 'recorded');
  assert.ok(await records.recordResult(outcome.stored, RESULT, memberOf(record)));
  const now = await records.attachment(outcome.stored.key);
  assert.ok(now);
  return now;
}

const inputOf = ({ value, modRevision }: Stored<AttachmentRecord>): RepairDriftInput => ({
  ...{ v: 1, uid: value.podUid, namespace: value.namespace, name: value.name, node: value.node },
  ...{ sandboxId: value.sandboxId, interfaceName: value.interfaceName, generation: value.generation, modRevision },
  why: 'the link is gone',
});

describe('repair of what drifted', () => {
  it('goes back to the intent with a new generation, keeps membership and way back, tells run and owner', async () => {
    const b = bench();
    const stored = await attached(b);
    assert.equal(await b.repairDrift(inputOf(stored)), true);
    const now = await b.records.attachment(stored.key);
    assert.ok(stored.value.kind === 'vxlan');
    const { link, vtep, generation } = stored.value;
    const lastGood = { link, vtep };
    assert.deepEqual(now?.value, { ...stored.value, phase: 'intent', generation: generation + 1, lastGood });
    assert.equal((await b.records.members(stored.value.network)).length, 1);
    assert.deepEqual(b.signals, [stored.value.podUid]);
    assert.deepEqual(
      b.events.map(({ type, reason }) => [type, reason]),
      [['Warning', 'NetworkDrifted']],
    );
    assert.match(b.events[0]?.message ?? '', /^red of network .*: the link is gone; it is made anew$/);
  });

  it('does nothing to a record that was written since it was looked at', async () => {
    const b = bench();
    const stored = await attached(b);
    const removing = await b.records.beginRemoval(stored);
    assert.equal(await b.repairDrift(inputOf(stored)), false);
    assert.deepEqual(await b.records.attachment(stored.key), removing);
    assert.deepEqual([b.signals, b.events], [[], []]);
  });

  it('goes on where an attempt before it failed', async () => {
    const b = bench({ apiFails: 1 });
    const stored = await attached(b);
    await assert.rejects(b.repairDrift(inputOf(stored)), { code: 'ApiUnavailable' });
    assert.equal(await b.repairDrift(inputOf(stored)), true);
    assert.equal((await b.records.attachment(stored.key))?.value.generation, stored.value.generation + 1);
    assert.equal(b.events.length, 1);
  });
});

describe('a pod that nobody seems to work on', () => {
  const pod = { v: 1, uid: 'u', namespace: 'a', name: 'b', reason: 'test' };

  it('gets a run', async () => {
    const b = bench();
    assert.equal(await b.wakeIdlePod(pod), true);
    assert.deepEqual(b.signals, ['u']);
  });

  it('is left in peace when it has one, so that its back-off is not cut short', async () => {
    const b = bench({ open: true });
    assert.equal(await b.wakeIdlePod(pod), false);
    assert.deepEqual(b.signals, []);
  });
});
