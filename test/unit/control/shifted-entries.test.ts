/** Entries of a running pod that come to mean another network, through the activities that look, record and tell. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readNetworkSpec } from '../../../adapters/kubernetes/network-objects.ts';
import { createNodeStore } from '../../../adapters/etcd/node-store.ts';
import { createRecordStore } from '../../../adapters/etcd/record-store.ts';
import { definitionKey, type DefinitionRef } from '../../../domain/cni/network-definition.ts';
import { heldFailure } from '../../../domain/plan/held.ts';
import type { Observation } from '../../../domain/plan/observation.ts';
import { plan } from '../../../domain/plan/plan.ts';
import { DEFAULT_DIALECT_SETTINGS, NPWG_NETWORKS_ANNOTATION } from '../../../domain/settings.ts';
import { controlOver, intentOver, NO_SIGNALS } from '../../etcd/control-over.ts';
import { RESULT } from '../../etcd/some-records.ts';
import { makeWhole } from '../../etcd/whole-store.ts';
import { FakeCluster } from '../../workflows/fake-cluster.ts';
import { MemoryEtcd } from '../../workflows/memory-etcd.ts';
import { sandboxOf } from '../../workflows/scripted-nodes.ts';

const POD = { uid: 'uid', namespace: 'ns', name: 'web', node: 'n1' };
const NAD = { kind: 'nad', namespace: 'ns', name: 'nad' } as const;
const objectOf = (name: string) => ({ kind: 'cluster-network', namespace: '', name }) as const;
const MACVLAN = '{"cniVersion":"1.0.0","name":"m","type":"macvlan"}';
const leadingTo = (network: string): string => JSON.stringify({ cniVersion: '1.0.0', type: 'podwire', network });

/** One pod that asks for one network. */
async function podWith(annotations: Readonly<Record<string, string>>) {
  const memory = new MemoryEtcd();
  await makeWhole(memory);
  const nodes = createNodeStore(memory);
  await nodes.putSandbox('n1', sandboxOf({ podUid: POD.uid, ...POD }, 'sandbox'));
  const cluster = new FakeCluster();
  cluster.pods.set('ns/web', {
    ...{ ...POD, nodeName: 'n1', hostNetwork: false, phaseClass: 'counts', deleting: false },
    ...{ podIPs: ['10.0.0.9'], labels: { [DEFAULT_DIALECT_SETTINGS.selector]: 'true' }, publishedStatus: undefined },
    annotations,
  });
  const steps = controlOver(createRecordStore(memory), cluster, NO_SIGNALS);
  const observe = (): Promise<Observation> => steps.observePod(POD);
  const declare = (ref: DefinitionRef, change: { readonly config: string } | { readonly vni: number }): void => {
    const of = 'vni' in change ? { config: '', declares: readNetworkSpec(change) } : change;
    cluster.definitions.set(definitionKey(ref), { ...ref, uid: `${ref.name}-uid`, plugin: '', ...of });
  };
  return {
    ...{ cluster, observe, declare },
    attach: async (): Promise<string> => {
      const input = intentOver(POD, await observe());
      const intent = await steps.recordIntent(input);
      assert.ok(intent.kind === 'recorded', JSON.stringify(intent));
      const { modRevision } = intent;
      assert.ok(await steps.recordResult({ ...input, modRevision, result: RESULT }));
      return input.interfaceName;
    },
    /** As a run does a round. @returns what it is told */
    held: async (): Promise<string> => {
      const observation = await observe();
      const decided = plan(observation);
      assert.ok(decided.kind === 'tasks');
      assert.deepEqual(decided.tasks, []);
      const [wish] = decided.held;
      assert.ok(wish !== undefined);
      const { interfaceName, network } = wish.desired;
      const { inputsHash } = observation;
      await steps.recordRefusal({ ...POD, inputsHash, interfaceName, network, failure: heldFailure(wish) });
      await steps.publishStatus({ ...POD, attached: [], detached: [] });
      return cluster.eventsOf(POD.uid).at(-1) ?? '';
    },
    tasks: async () => {
      const decided = plan(await observe());
      assert.ok(decided.kind === 'tasks');
      return decided.tasks.map(({ remove, attach }) => [
        remove.map(({ network }) => network.name),
        attach?.desired.network.name,
      ]);
    },
    replaceSandbox: () => nodes.putSandbox('n1', sandboxOf({ podUid: POD.uid, ...POD }, 'sandbox-2')),
  };
}

describe('an entry whose definition was edited', () => {
  const before = async (config: string) => {
    const pod = await podWith({ [NPWG_NETWORKS_ANNOTATION]: '[{"name":"nad"}]' });
    pod.declare(objectOf('blue'), { vni: 500 });
    pod.declare(objectOf('green'), { vni: 501 });
    pod.declare(NAD, { config });
    assert.equal(await pod.attach(), 'net1');
    assert.deepEqual(await pod.tasks(), []);
    return pod;
  };

  it('keeps its interface, and its owner is told once, until its sandbox is another one', async () => {
    const pod = await before(leadingTo('blue'));
    pod.declare(NAD, { config: leadingTo('green') });
    const said = await pod.held();
    assert.match(said, /^NetworkRefused: net1: interface net1 stays in network cluster.network\/blue: .* ns\/nad /);
    assert.equal(await pod.held(), said, 'a later look finds the same');
    assert.equal(pod.cluster.eventsOf(POD.uid).length, 1);
    await pod.replaceSandbox();
    assert.deepEqual(await pod.tasks(), [[['blue'], 'green']]);
  });

  it('keeps it between a plugin and a network object as well', async () => {
    const toPlugin = await before(leadingTo('blue'));
    toPlugin.declare(NAD, { config: MACVLAN });
    assert.match(await toPlugin.held(), /net1 stays in network cluster.network\/blue: .* is for a CNI plugin now/);
    const toObject = await before(MACVLAN);
    toObject.declare(NAD, { config: leadingTo('green') });
    assert.match(await toObject.held(), /net1 stays as its plugin made it: .*leads to network cluster.network\/green/);
  });

  it('has nothing to be told of once the definition is what it was', async () => {
    const pod = await before(leadingTo('blue'));
    pod.declare(NAD, { config: leadingTo('green') });
    await pod.held();
    pod.declare(NAD, { config: leadingTo('blue') });
    assert.deepEqual(await pod.tasks(), []);
    assert.equal((await pod.observe()).wished[0]?.refused, undefined);
  });
});

describe("a name of kube-vxlan-controller's annotation that somebody else declares", () => {
  it('keeps what it has, and its owner is told who declares it', async () => {
    const pod = await podWith({ [DEFAULT_DIALECT_SETTINGS.annotation]: 'blue' });
    pod.cluster.declared = { blue: 'id=7 name=data0' };
    assert.equal(await pod.attach(), 'data0');
    pod.cluster.declared = {};
    pod.declare(objectOf('blue'), { vni: 500 });
    assert.match(await pod.held(), /interface data0 stays in network cluster\/blue, .* by ClusterNetwork blue now/);
    pod.cluster.declared = { blue: 'id=7 name=data0' };
    assert.deepEqual(await pod.tasks(), []);
    assert.equal((await pod.observe()).wished[0]?.refused, undefined);
  });

  it('keeps it when the ConfigMap declares what an object did', async () => {
    const pod = await podWith({ [DEFAULT_DIALECT_SETTINGS.annotation]: 'blue' });
    pod.declare(objectOf('blue'), { vni: 500 });
    assert.equal(await pod.attach(), 'blue');
    pod.cluster.declared = { blue: 'id=500' };
    assert.match(await pod.held(), /stays in network cluster.network\/blue, .* the ConfigMap of/);
  });
});
