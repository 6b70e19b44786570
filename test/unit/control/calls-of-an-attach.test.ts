/** What one attach asks of etcd and of the Kubernetes API on the control side, in order: docs/concepts.md and docs/performance.md have these figures. */
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

const POD = { uid: 'uid', namespace: 'ns', name: 'web', node: 'n1' };

describe('the control side of one attach', () => {
  it('reads the pod once, because later steps remember what the first one read', async () => {
    const { api, etcd, ofSteps } = await attachWith((create) => {
      const one = create();
      return () => one;
    });
    assert.deepEqual(api, { pod: 1, configMap: 1, publishStatus: 1, createEvent: 1 });
    assert.equal(etcd, 8);
    assert.deepEqual(ofSteps, {
      observePod: ['removeAndRead', 'configMap', 'pod'],
      recordIntent: ['read', 'transact'],
      recordResult: ['get', 'list', 'transact'],
      publishStatus: ['read', 'publishStatus', 'createEvent', 'transact'],
    });
  });

  it('is the same where nothing is remembered, and only reads more', async () => {
    const { api, etcd } = await attachWith((create) => create);
    assert.deepEqual(api, { pod: 3, configMap: 3, publishStatus: 1, createEvent: 1 });
    assert.equal(etcd, 9);
  });
});

interface Counted {
  readonly api: Readonly<Record<string, number>>;
  readonly etcd: number;
  /** What each step called, in order; calls of etcd by the names that the `Etcd` port has for them. */
  readonly ofSteps: Readonly<Record<string, readonly string[]>>;
}

/** Attaches one network to one pod, without the node's part. @param who whose process takes each step */
async function attachWith(who: (create: () => ControlSteps) => () => ControlSteps): Promise<Counted> {
  const memory = new MemoryEtcd();
  await makeWhole(memory);
  await createNodeStore(memory).putSandbox('n1', sandboxOf({ podUid: POD.uid, ...POD }, 'sandbox'));
  const cluster = new FakeCluster();
  cluster.pods.set('ns/web', {
    ...{ ...POD, nodeName: 'n1', hostNetwork: false, phaseClass: 'counts', deleting: false },
    ...{ podIPs: ['10.0.0.9'], labels: { [DEFAULT_DIALECT_SETTINGS.selector]: 'true' }, publishedStatus: undefined },
    annotations: { [DEFAULT_DIALECT_SETTINGS.annotation]: 'red id=7 ip=10.1.0.1/24' },
  });
  const calls = { etcd: [] as string[], api: [] as string[], all: [] as string[] };
  const etcd = noted(memory, calls.etcd, calls.all);
  const api = noted(cluster, calls.api, calls.all);
  const step = who(() => controlOver(createRecordStore(etcd), api, NO_SIGNALS));
  const ofSteps: Record<string, readonly string[]> = {};
  const taken = async <T>(name: keyof ControlSteps, work: Promise<T>): Promise<T> => {
    const result = await work;
    ofSteps[name] = calls.all.splice(0);
    return result;
  };

  const observation = await taken('observePod', step().observePod(POD));
  const input = intentOver(POD, observation);
  const intent = await taken('recordIntent', step().recordIntent(input));
  assert.ok(intent.kind === 'recorded');
  const { modRevision } = intent;
  assert.ok(await taken('recordResult', step().recordResult({ ...input, modRevision, result: RESULT })));
  const { inputsHash } = observation;
  const { interfaceName } = input;
  const attached = [{ interfaceName, network: { scope: 'ns', name: 'red' } }];
  const status = { ...POD, attached, detached: [], thenMark: inputsHash };
  assert.ok(await taken('publishStatus', step().publishStatus(status)));
  return { api: timesOfEach(calls.api), etcd: calls.etcd.length, ofSteps };
}

const timesOfEach = (names: readonly string[]): Readonly<Record<string, number>> =>
  Object.fromEntries([...new Set(names)].map((name) => [name, names.filter((one) => one === name).length]));

/** The same, and notes the name of each method that is called. */
function noted<T extends object>(target: T, ...notes: readonly string[][]): T {
  return new Proxy(target, {
    get: (_target, name) => {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      return (...given: unknown[]): unknown => {
        for (const note of notes) note.push(String(name));
        return Reflect.apply(value, target, given);
      };
    },
  });
}
