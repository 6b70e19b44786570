import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NetworkDefinition } from '../../../domain/cni/network-definition.ts';
import { ObjectSignals } from '../../../watcher/object-signals.ts';
import { until } from '../../workflows/limits.ts';

const BLUE: NetworkDefinition = {
  ...{ kind: 'cluster-network', namespace: '', name: 'blue', uid: 'u', config: '', plugin: '', generation: 1 },
};

test('the run of a network object is told when it is made, changed, deleted and gone, and not of what podwire wrote', async () => {
  const sent: string[] = [];
  const signals = new ObjectSignals({
    send: async ({ kind, name, uid }, reason) => void sent.push(`${kind} ${name} ${uid}: ${reason}`),
    onFailed: (_object, error) => assert.fail(String(error)),
  });
  const take = async (object: NetworkDefinition, isGone: boolean, count: number): Promise<void> => {
    signals.take(object, isGone);
    await until(`${count} signals`, () => sent.length === count);
  };
  await take(BLUE, false, 1);
  signals.take({ ...BLUE, allocatedVni: 70_000 }, false);
  await take({ ...BLUE, generation: 2 }, false, 2);
  await take({ ...BLUE, generation: 2, deleting: true }, false, 3);
  await take({ ...BLUE, generation: 2, deleting: true }, true, 4);
  signals.tellAll('the store is another one');
  await signals.stop();
  const changed = 'cluster-network blue u: the object changed';
  assert.deepEqual(sent, [changed, changed, changed, 'cluster-network blue u: the object is gone']);
});

test('all objects are told of at once where podwire may have lost what it knew', async () => {
  const sent: string[] = [];
  const signals = new ObjectSignals({
    send: async ({ kind, namespace, name }, reason) => void sent.push(`${kind} ${namespace}/${name}: ${reason}`),
    onFailed: (_object, error) => assert.fail(String(error)),
  });
  signals.take({ ...BLUE, kind: 'network', namespace: 'red' }, false);
  await until('the first signal', () => sent.length === 1);
  signals.tellAll('etcd is new');
  await until('the second signal', () => sent.length === 2);
  assert.equal(sent[1], 'network red/blue: etcd is new');
  await signals.stop();
});

test('the run of an object that holds something and is gone is told when the watcher starts, and of no other', async () => {
  const sent: string[] = [];
  const signals = new ObjectSignals({
    send: async ({ name, uid }, reason) => void sent.push(`${name} ${uid}: ${reason}`),
    onFailed: (_object, error) => assert.fail(String(error)),
  });
  const holding = (name: string, uid = name) => ({ kind: 'cluster-network', namespace: '', name, uid }) as const;
  const all = [holding('there'), holding('gone'), holding('made-anew', 'earlier'), holding('unknown')];
  signals.tellMissing(all, ({ name }) => {
    if (name === 'gone') return 'absent';
    return name === 'unknown' ? 'unreadable' : { ...BLUE, name, uid: name };
  });
  await until('both signals', () => sent.length === 2);
  await signals.stop();
  assert.deepEqual(sent, ['gone gone: the object is gone', 'made-anew earlier: the object is gone']);
});
