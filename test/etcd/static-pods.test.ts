/** What the orchestrator makes of a static pod's mirror, and of a pod that only pretends to be one, on a real etcd. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import type { ControlSteps } from '../../activities/control/control-contract.ts';
import { createNodeStore } from '../../adapters/etcd/node-store.ts';
import { createRecordStore } from '../../adapters/etcd/record-store.ts';
import type { PodIdentity, PodView } from '../../domain/pod/pod-view.ts';
import type { RecordStore } from '../../domain/ports/record-store.ts';
import { DEFAULT_DIALECT_SETTINGS } from '../../domain/settings.ts';
import { FakeCluster } from '../workflows/fake-cluster.ts';
import { sandboxOf } from '../workflows/scripted-nodes.ts';
import { controlOver, intentOver, NO_SIGNALS } from './control-over.ts';
import { etcdForTests } from './etcd-for-tests.ts';
import { RESULT } from './some-records.ts';

const NODE = 'n1';
const HASH = '5a815701b549c00d513219e2ee637597';

describe('a static pod', () => {
  const real = etcdForTests();
  const cluster = new FakeCluster();
  let records: RecordStore;
  /** Another orchestrator at each call, which has observed nothing. */
  let control: () => ControlSteps;
  before(async () => {
    records = createRecordStore(real.etcd);
    control = () => controlOver(records, cluster, NO_SIGNALS);
    await createNodeStore(real.etcd).putSandbox(
      NODE,
      sandboxOf({ podUid: HASH, namespace: 'system', name: 'web-n1' }, 'its-sandbox'),
    );
  });

  /** Says that it mirrors what is in the sandbox. */
  const mirror = (uid: string, namespace: string, name: string): PodIdentity => {
    const { selector, annotation } = DEFAULT_DIALECT_SETTINGS;
    const view: PodView = {
      ...{ uid, runtimeUid: HASH, namespace, name, nodeName: NODE, hostNetwork: false, phaseClass: 'counts' },
      ...{ deleting: false, podIPs: ['10.0.0.9'], labels: { [selector]: 'true' }, publishedStatus: undefined },
      annotations: { [annotation]: 'red id=7 ip=10.1.0.1/24' },
    };
    cluster.pods.set(`${namespace}/${name}`, view);
    return { uid, namespace, name };
  };

  it('is attached in the sandbox that its node published, under its UID in the API', async () => {
    const pod = mirror('mirror', 'system', 'web-n1');
    const observation = await control().observePod(pod);
    assert.deepEqual([observation.sandboxId, observation.runtimeUid], ['its-sandbox', HASH]);
    const input = intentOver(pod, observation);
    const intent = await control().recordIntent(input);
    assert.ok(intent.kind === 'recorded');
    assert.ok(await control().recordResult({ ...input, modRevision: intent.modRevision, result: RESULT }));
    const [stored] = (await records.pod('mirror', NODE)).attachments;
    assert.deepEqual([stored?.value.podUid, stored?.value.runtimeUid], ['mirror', HASH]);
    assert.equal((await control().observePod(pod)).known[0]?.phase, 'attached');
    assert.deepEqual((await records.pod(HASH, NODE)).attachments, []);
  });

  it('keeps its sandbox from pods of other names and namespaces that say they are its mirror', async () => {
    for (const thief of [mirror('a', 'system', 'other'), mirror('b', 'shop', 'web-n1')]) {
      const observation = await control().observePod(thief);
      assert.equal(observation.sandboxId, undefined);
      const claimed = intentOver(thief, { ...observation, sandboxId: 'its-sandbox' });
      assert.equal((await control().recordIntent(claimed)).kind, 'stale');
    }
  });
});
