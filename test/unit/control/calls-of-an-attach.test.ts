/** What one attach asks of etcd and of the Kubernetes API on the control side, counted: docs/concepts.md has these figures. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ControlSteps } from '../../../activities/control/control-contract.ts';
import { createNodeStore } from '../../../adapters/etcd/node-store.ts';
import { createRecordStore } from '../../../adapters/etcd/record-store.ts';
import { DEFAULT_DIALECT_SETTINGS } from '../../../domain/settings.ts';
import { controlOver, intentOver, NO_SIGNALS } from '../../etcd/control-over.ts';
import { RESULT } from '../../etcd/some-records.ts';
import { makeWhole } from '../../etcd/whole-store.ts';
import { FakeCluster } from '../../workflows/fake-cluster.ts';
import { MemoryEtcd } from '../../workflows/memory-etcd.ts';
import { sandboxOf } from '../../workflows/scripted-nodes.ts';

const POD = { uid: 'uid', namespace: 'ns', name: 'web' };

describe('the control side of one attach', () => {
  it('reads the pod once, because later steps remember what the first one read', async () => {
    const { api, etcd } = await attachWith((create) => {
      const one = create();
      return () => one;
    });
    assert.deepEqual(api, { pod: 1, configMap: 1, publishStatus: 1, createEvent: 1 });
    assert.equal(etcd, 9);
  });

  it('is the same where nothing is remembered, and only reads more', async () => {
    const { api, etcd } = await attachWith((create) => create);
    assert.deepEqual(api, { pod: 3, configMap: 3, publishStatus: 1, createEvent: 1 });
    assert.equal(etcd, 10);
  });
});

/** Attaches one network to one pod, without the node's part. @param who whose process takes each step */
async function attachWith(
  who: (create: () => ControlSteps) => () => ControlSteps,
): Promise<{ readonly api: Readonly<Record<string, number>>; readonly etcd: number }> {
  const memory = new MemoryEtcd();
  await makeWhole(memory);
  await createNodeStore(memory).putSandbox('n1', sandboxOf({ podUid: POD.uid, ...POD }, 'sandbox'));
  const cluster = new FakeCluster();
  cluster.pods.set('ns/web', {
    ...{ ...POD, nodeName: 'n1', hostNetwork: false, phaseClass: 'counts', deleting: false },
    ...{ podIPs: ['10.0.0.9'], labels: { [DEFAULT_DIALECT_SETTINGS.selector]: 'true' }, publishedStatus: undefined },
    annotations: { [DEFAULT_DIALECT_SETTINGS.annotation]: 'red id=7 ip=10.1.0.1/24' },
  });
  const etcdCalls = new Map<string, number>();
  const apiCalls = new Map<string, number>();
  const etcd = counted(memory, etcdCalls);
  const api = counted(cluster, apiCalls);
  const step = who(() => controlOver(createRecordStore(etcd), api, NO_SIGNALS));

  const observation = await step().observePod(POD);
  const input = intentOver(POD, observation);
  const intent = await step().recordIntent(input);
  assert.ok(intent.kind === 'recorded');
  assert.ok(await step().recordResult({ ...input, modRevision: intent.modRevision, result: RESULT }));
  const { inputsHash } = observation;
  const { interfaceName } = input;
  const attached = [{ interfaceName, network: { scope: 'ns', name: 'red' } }];
  assert.ok(await step().publishStatus({ ...POD, attached, detached: [], thenMark: inputsHash }));
  const total = [...etcdCalls.values()].reduce((sum, count) => sum + count, 0);
  return { api: Object.fromEntries(apiCalls), etcd: total };
}

/** The same, and counts the calls of each method. */
function counted<T extends object>(target: T, calls: Map<string, number>): T {
  return new Proxy(target, {
    get: (_target, name) => {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      return (...given: unknown[]): unknown => {
        calls.set(String(name), (calls.get(String(name)) ?? 0) + 1);
        return Reflect.apply(value, target, given);
      };
    },
  });
}
