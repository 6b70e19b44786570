/** What the owner of a pod is told that joins a VXLAN network with another MTU than the network's other members, on a real etcd. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import type { ControlSteps } from '../../activities/control/control-contract.ts';
import { createRecordStore } from '../../adapters/etcd/record-store.ts';
import type { RecordStore } from '../../domain/ports/record-store.ts';
import type { StepFailure } from '../../domain/records.ts';
import { FakeCluster } from '../workflows/fake-cluster.ts';
import { controlOver, inputOf, NO_SIGNALS } from './control-over.ts';
import { etcdForTests } from './etcd-for-tests.ts';
import { intent, RESULT } from './some-records.ts';

describe('a member with another MTU', () => {
  const real = etcdForTests();
  const cluster = new FakeCluster();
  let records: RecordStore;
  let control: ControlSteps;
  before(() => {
    records = createRecordStore(real.etcd);
    control = controlOver(records, cluster, NO_SIGNALS);
  });

  /** A pod of the network on a node of its own. @param known what the node tells of the link that was there before */
  const join = async (net: string, pod: string, mtu: number, known?: StepFailure): Promise<StepFailure | undefined> => {
    const network = { scope: net, name: 'red' };
    const vni = 900 + [...net].reduce((sum, letter) => sum + letter.charCodeAt(0), 0);
    const podUid = `${net}-${pod}`;
    const node = `node-of-${pod}`;
    const record = intent(net, vni, { network, podUid, name: pod, node, sandboxId: `${podUid}-sandbox` });
    const outcome = await records.recordIntent(record);
    assert.ok(outcome.kind === 'recorded', JSON.stringify(outcome));
    const { key, modRevision } = outcome.stored;
    const result = {
      ...RESULT,
      mtu,
      addresses: record.link.addresses,
      ...(known === undefined ? {} : { warning: known }),
    };
    assert.ok(await control.recordResult({ ...inputOf(record), modRevision, result }));
    return (await records.attachment(key))?.value.result?.warning;
  };

  it('is told whose is smaller, and what to do', async () => {
    assert.equal(await join('smaller', 'first', 1300), undefined);
    const warning = await join('smaller', 'second', 1400);
    assert.equal(warning?.code, 'MtuDiffers');
    assert.match(
      warning.message,
      /^its MTU is 1400, that of red of pod smaller\/first \(node node-of-first\) .* is 1300:/,
    );
    assert.match(warning.message, /mtu=1300 in all its pods$/);
  });

  it('is told also when it has the smallest itself, and by an event', async () => {
    assert.equal(await join('larger', 'first', 1400), undefined);
    assert.equal(await join('larger', 'second', 1400), undefined);
    const warning = await join('larger', 'third', 1300);
    assert.match(warning?.message ?? '', /^its MTU is 1300, .* is 1400: .* mtu=1300 in all its pods$/);
    const pod = { uid: 'larger-third', namespace: 'larger', name: 'third' };
    cluster.pods.set('larger/third', {
      ...{ ...pod, nodeName: 'node-of-third', hostNetwork: false, phaseClass: 'counts', deleting: false },
      ...{ podIPs: ['10.0.0.9'], labels: {}, annotations: {}, publishedStatus: undefined },
    });
    const attached = [{ interfaceName: 'red', network: { scope: 'larger', name: 'red' } }];
    await control.publishStatus({ ...pod, attached, detached: [] });
    const told = cluster.eventsOf(pod.uid).filter((event) => event.startsWith('NetworkWarning: red: its MTU is 1300'));
    assert.equal(told.length, 1);
  });

  it('is told no more once it has the same', async () => {
    await join('cured', 'first', 1400);
    const stale = { code: 'MtuDiffers', message: 'its MTU is 1300' };
    assert.equal(await join('cured', 'second', 1400, stale), undefined);
    const other = { code: 'RouterAdvertisements', message: 'of the node' };
    assert.deepEqual(await join('cured', 'third', 1300, other), other);
  });
});
