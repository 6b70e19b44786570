/** A pod that was refused for a file of its node, on a real etcd and with the node's own publisher; the signals that wake it are recorded. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { pino } from 'pino';
import type {
  ControlSteps,
  IntentInput,
  IntentResult,
  RefusalInput,
} from '../../activities/control/control-contract.ts';
import { createNodeStore } from '../../adapters/etcd/node-store.ts';
import { createRecordStore } from '../../adapters/etcd/record-store.ts';
import { definitionKey } from '../../domain/cni/network-definition.ts';
import { PodwireError } from '../../domain/failures.ts';
import type { PodIdentity } from '../../domain/pod/pod-view.ts';
import type { Signals } from '../../domain/ports/cluster.ts';
import type { NodeStore } from '../../domain/ports/node-store.ts';
import type { RecordStore } from '../../domain/ports/record-store.ts';
import { NPWG_NETWORKS_ANNOTATION } from '../../domain/settings.ts';
import { NodeConfigsPublisher } from '../../workers/node/node-configs.ts';
import { etcdConvergedReader } from '../../watcher/etcd-converged-reader.ts';
import { FakeCluster } from '../workflows/fake-cluster.ts';
import { sandboxOf } from '../workflows/scripted-nodes.ts';
import { controlOver, intentOver } from './control-over.ts';
import { etcdForTests } from './etcd-for-tests.ts';

const LOG = pino({ level: 'silent' });

describe('a pod that waits for a file of its node', () => {
  const real = etcdForTests();
  const cluster = new FakeCluster();
  const woken: string[] = [];
  let signalsAway = false;
  const signals: Signals = {
    membersChanged: async () => undefined,
    podChanged: async ({ uid }, reason) => {
      if (signalsAway) throw new PodwireError('TemporalUnavailable', 'as told');
      woken.push(`${uid}: ${reason}`);
    },
  };
  let records: RecordStore;
  let nodes: NodeStore;
  let control: ControlSteps;
  let dir = '';
  before(() => {
    records = createRecordStore(real.etcd);
    nodes = createNodeStore(real.etcd);
    control = controlOver(records, cluster, signals);
    dir = mkdtempSync(join(tmpdir(), 'podwire-waiting-'));
  });
  after(() => rmSync(dir, { recursive: true }));

  let numbers = 0;
  let node = '';
  let publisher: NodeConfigsPublisher;
  const startWorker = (): NodeConfigsPublisher =>
    new NodeConfigsPublisher({ store: nodes, signals, node, dir, log: LOG });
  beforeEach(async () => {
    node = `node-${(numbers += 1)}`;
    woken.length = 0;
    rmSync(join(dir, '10-filed.conf'), { force: true });
    publisher = startWorker();
    await nodes.putRestored(node);
    await publisher.publish();
  });

  const write = (type: string): void =>
    writeFileSync(join(dir, '10-filed.conf'), JSON.stringify({ cniVersion: '1.0.0', name: 'filed', type }));
  const podWith = async (): Promise<PodIdentity> => {
    const uid = `filed-${(numbers += 1)}`;
    const ref = { kind: 'nad' as const, namespace: uid, name: 'filed' };
    cluster.definitions.set(definitionKey(ref), { ...ref, uid: 'filed', config: '', plugin: '' });
    cluster.pods.set(`${uid}/web`, {
      ...{
        uid,
        namespace: uid,
        name: 'web',
        nodeName: node,
        hostNetwork: false,
        phaseClass: 'counts',
        deleting: false,
      },
      ...{ podIPs: ['10.0.0.9'], labels: {}, publishedStatus: undefined },
      annotations: { [NPWG_NETWORKS_ANNOTATION]: 'filed@f0' },
    });
    await nodes.putSandbox(node, sandboxOf({ podUid: uid, namespace: uid, name: 'web' }, `${uid}-sandbox`));
    return { uid, namespace: uid, name: 'web' };
  };
  /** What a run does first: a look, and the intent if nothing is in the way. */
  const begin = async (pod: PodIdentity): Promise<{ input: IntentInput; intent: IntentResult }> => {
    const observation = await control.observePod(pod);
    assert.equal(observation.wished[0]?.refused, undefined);
    const input = intentOver(pod, observation);
    return { input, intent: await control.recordIntent(input) };
  };
  const refusalOf = async (pod: PodIdentity): Promise<RefusalInput> => {
    const { input, intent } = await begin(pod);
    assert.ok(intent.kind === 'refused', JSON.stringify(intent));
    const { kind, code, message, ...blockedOn } = intent;
    assert.equal(kind, 'refused');
    const network = { scope: pod.namespace, name: 'filed' };
    const { inputsHash, interfaceName } = input;
    return { ...pod, inputsHash, interfaceName, network, failure: { code, message }, ...blockedOn };
  };
  const refused = async (): Promise<PodIdentity> => {
    const pod = await podWith();
    await control.recordRefusal(await refusalOf(pod));
    assert.deepEqual(woken, []);
    return pod;
  };
  const wakingOf = ({ uid }: PodIdentity): string =>
    `${uid}: the configuration of network filed in the files of node ${node} has changed`;

  it('is woken when the file is there, and attached with its text', async () => {
    const pod = await refused();
    await publisher.publish();
    assert.deepEqual(woken, []);
    assert.ok((await control.observePod(pod)).wished[0]?.refused, 'nothing is new: it is not tried again');
    write('bridge');
    await publisher.publish();
    assert.deepEqual(woken, [wakingOf(pod)]);
    assert.equal((await begin(pod)).intent.kind, 'recorded');
    assert.deepEqual((await records.pod(pod.uid, node)).refusals, []);
  });

  it('is woken when a file with a mistake is corrected, not when the same one is published again', async () => {
    write('../sh');
    await publisher.publish();
    const pod = await refused();
    await startWorker().publish();
    assert.deepEqual(woken, []);
    write('bridge');
    await publisher.publish();
    assert.deepEqual(woken, [wakingOf(pod)]);
    assert.equal((await begin(pod)).intent.kind, 'recorded');
  });

  it('is left alone when the files of another node or of another network change', async () => {
    await refused();
    const home = node;
    node = 'another';
    write('bridge');
    await startWorker().publish();
    node = home;
    writeFileSync(join(dir, '10-filed.conf'), JSON.stringify({ cniVersion: '1.0.0', name: 'other', type: 'bridge' }));
    await publisher.publish();
    assert.deepEqual(woken, []);
  });

  it('is woken by the next round of the worker, or by the next worker, when the signal could not be sent', async () => {
    const pod = await refused();
    write('bridge');
    signalsAway = true;
    try {
      await assert.rejects(publisher.publish(), /as told/);
    } finally {
      signalsAway = false;
    }
    await publisher.publish();
    assert.deepEqual(woken, [wakingOf(pod)]);
    await startWorker().publish();
    assert.deepEqual(woken, [wakingOf(pod), wakingOf(pod)]);
    await publisher.publish();
    assert.equal(woken.length, 2);
  });

  it('is woken by its own refusal when the file came before that could be seen', async () => {
    const pod = await podWith();
    const refusal = await refusalOf(pod);
    write('bridge');
    await publisher.publish();
    assert.deepEqual(woken, []);
    await control.recordRefusal(refusal);
    assert.deepEqual(woken, [wakingOf(pod)]);
  });

  it('is found by the watcher, which lists anew, when nobody woke it', async () => {
    const pod = await refused();
    const found = async (): Promise<boolean> =>
      (await etcdConvergedReader(real.etcd, LOG).listOutdatedRefusals()).has(pod.uid);
    assert.equal(await found(), false);
    write('bridge');
    signalsAway = true;
    await assert.rejects(publisher.publish());
    signalsAway = false;
    assert.equal(await found(), true);
  });

  it('stays refused as it was when an older podwire refused it, which noted nothing of files', async () => {
    const pod = await podWith();
    const { waitsForConfig, ...older } = await refusalOf(pod);
    assert.ok(waitsForConfig);
    await control.recordRefusal(older);
    write('bridge');
    await publisher.publish();
    assert.deepEqual(woken, []);
    assert.ok((await control.observePod(pod)).wished[0]?.refused);
  });
});
