import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readDesiredState } from '../../../activities/control/desired-state.ts';
import { inputsHash } from '../../../adapters/hash/inputs-hash.ts';
import { md5 } from '../../../adapters/hash/md5.ts';
import { ipCodec } from '../../../adapters/ip/ip-codec.ts';
import { createCluster } from '../../../adapters/kubernetes/cluster.ts';
import type { KubeAnswer, KubeClient } from '../../../adapters/kubernetes/client.ts';
import { podKeys } from '../../../adapters/kubernetes/pod-view.ts';
import { readNetworkSpec } from '../../../adapters/kubernetes/network-objects.ts';
import { definitionKey, type DefinitionRef, type NetworkDefinition } from '../../../domain/cni/network-definition.ts';
import { DEFAULT_DIALECT_SETTINGS } from '../../../domain/settings.ts';
import { PodInputsReader } from '../../../watcher/pod-inputs.ts';
import { networkStatus } from '../../../domain/status/podwire-status.ts';
import { intent, RESULT } from '../../etcd/some-records.ts';
import { FakeCluster } from '../../workflows/fake-cluster.ts';
import { podWith } from '../npwg/parsing.ts';

const settings = DEFAULT_DIALECT_SETTINGS;
const NOTHING = { attachments: [], isWhole: true };
const pod = podWith('blue', { namespace: 'red', name: 'web' });

const definition = (ref: DefinitionRef, change: Partial<NetworkDefinition>): NetworkDefinition => ({
  ...{ ...ref, uid: `uid of ${ref.name}`, config: '', plugin: '' },
  ...change,
});

const nad = (members: object): NetworkDefinition =>
  definition(
    { kind: 'nad', namespace: 'red', name: 'blue' },
    { config: JSON.stringify({ cniVersion: '1.0.0', type: 'podwire', network: 'blue', ...members }) },
  );

const object = (vni: number): NetworkDefinition =>
  definition({ kind: 'cluster-network', namespace: '', name: 'blue' }, { declares: readNetworkSpec({ vni }) });

/** What the orchestrator reads of the API, and the hash that it and the watcher come to. */
async function read(
  definitions: readonly NetworkDefinition[],
  configMap?: Readonly<Record<string, string>>,
  of: typeof pod = pod,
  denied: readonly DefinitionRef[] = [],
) {
  const cluster = new FakeCluster();
  cluster.pods.set('red/web', of);
  cluster.declared = configMap;
  for (const each of definitions) cluster.definitions.set(definitionKey(each), each);
  for (const each of denied) cluster.definitions.set(definitionKey(each), 'unreadable');
  const asked: string[] = [];
  const listening = new Proxy(cluster, {
    get: (whole, key) => {
      const found: unknown = Reflect.get(whole, key);
      if (typeof found !== 'function') return found;
      return (...args: unknown[]): unknown => {
        if (key === 'definition') asked.push(definitionKey(args[0] as DefinitionRef));
        if (key === 'configMap') asked.push('ConfigMap');
        return (found as (...all: unknown[]) => unknown).apply(whole, args);
      };
    },
  });
  const reading = await readDesiredState({ cluster: listening, ip: ipCodec, settings, hash: inputsHash, md5 }, of);
  const inputs = new PodInputsReader(
    settings,
    ipCodec,
    (ref) => cluster.definitions.get(definitionKey(ref)) ?? 'absent',
  );
  inputs.declare(configMap);
  return { asked: asked.sort(), reading, watched: inputs.read(of) };
}

describe('a pod whose definition leads to a network object', () => {
  it('is seen alike by watcher and orchestrator, with and without the object and the ConfigMap', async () => {
    const hashes = new Set<string>();
    const cases = [
      [[nad({})]],
      [[nad({}), object(5)]],
      [[nad({}), object(6)]],
      [[nad({}), object(5)], { blue: 'id=9 up' }],
    ] as const;
    for (const [definitions, configMap] of cases) {
      const { reading, watched } = await read(definitions, configMap);
      assert.equal(reading?.inputsHash, watched.hash);
      hashes.add(watched.hash);
    }
    assert.equal(hashes.size, cases.length, 'each is something else to the pod');
  });

  it('costs the API the objects that may be meant, and the ConfigMap that may have the name', async () => {
    const both = ['ConfigMap', 'cluster-network//blue', 'nad/red/blue', 'network/red/blue'];
    assert.deepEqual((await read([nad({}), object(5)])).asked, both);
    const one = ['ConfigMap', 'cluster-network//blue', 'nad/red/blue'];
    assert.deepEqual((await read([nad({ kind: 'ClusterNetwork' }), object(5)])).asked, one);
  });

  it('costs nothing more where the definition is for a plugin', async () => {
    const plugin = { ...nad({}), config: JSON.stringify({ cniVersion: '1.0.0', type: 'bridge' }) };
    const { asked, reading } = await read([plugin]);
    assert.deepEqual(asked, ['ConfigMap', 'nad/red/blue']);
    assert.equal(reading?.beside(NOTHING).parsed.selections[0]?.kind, 'cni');
  });
});

describe('a pod of an object that is being deleted', () => {
  const deleted = { ...object(5), deleting: true as const };
  const record = intent('red', 5, { network: { scope: 'cluster.network', name: 'blue' } });
  const published = networkStatus([{ ...record, phase: 'attached', result: RESULT }], [], [], []);
  const member = { ...pod, publishedStatus: JSON.stringify(published) };
  const named: typeof pod = {
    ...{ ...member, labels: { [settings.selector]: 'true' } },
    annotations: { [settings.annotation]: 'blue' },
  };
  const kept = { key: 'k', modRevision: '1', value: record };
  const removed = { ...kept, value: { ...record, phase: 'removing' } as const };

  it('may record again what it had until the store is whole, and its inputs stay what they are', async () => {
    const cases = [
      [member, { attachments: [], isWhole: false }, 1],
      [named, { attachments: [], isWhole: false }, 1],
      [member, { attachments: [], isWhole: true }, 0],
      [pod, { attachments: [], isWhole: false }, 0],
      // Its status says that it is being attached.
      [pod, { attachments: [kept], isWhole: false }, 1],
      [pod, { attachments: [removed], isWhole: false }, 0],
    ] as const;
    for (const [of, recorded, count] of cases) {
      const { reading, watched } = await read([nad({}), deleted], undefined, of);
      const state = reading?.beside(recorded);
      assert.equal(state?.parsed.selections.length, count);
      assert.equal(state?.parsed.problems.length, 1 - count);
      assert.equal(state?.inputsHash, watched.hash);
    }
  });
});

describe("a pod whose kube-vxlan-controller's annotation names a network object", () => {
  const asking = (annotation: string): typeof pod => ({
    ...{ ...pod, labels: { [settings.selector]: 'true' } },
    annotations: { [settings.annotation]: annotation },
  });

  it('is seen alike by watcher and orchestrator', async () => {
    const hashes = new Set<string>();
    const cases = [[[]], [[object(5)]], [[object(6)]], [[object(5)], { blue: 'id=9 up' }]] as const;
    for (const [definitions, configMap] of cases) {
      const { reading, watched } = await read(definitions, configMap, asking('blue'));
      assert.equal(reading?.inputsHash, watched.hash);
      hashes.add(watched.hash);
    }
    assert.equal(hashes.size, cases.length, 'each is something else to the pod');
  });

  it('costs the API nothing more where the annotation or the ConfigMap has the id', async () => {
    assert.deepEqual((await read([object(5)], undefined, asking('blue id=4'))).asked, ['ConfigMap']);
    assert.deepEqual((await read([object(5)], { blue: 'id=9' }, asking('blue'))).asked, ['ConfigMap']);
    const looked = ['ConfigMap', 'cluster-network//blue', 'network/red/blue'];
    assert.deepEqual((await read([object(5)], { red: 'id=9' }, asking('blue'))).asked, looked);
  });
});

describe('a network object that the API denies, because the roles are older than podwire', () => {
  const denied: readonly DefinitionRef[] = [
    { kind: 'network', namespace: 'red', name: 'blue' },
    { kind: 'cluster-network', namespace: '', name: 'blue' },
  ];

  it('costs a pod that network alone, and is seen alike by watcher and orchestrator', async () => {
    const of = {
      ...{ ...pod, labels: { [settings.selector]: 'true' } },
      annotations: { [settings.annotation]: 'blue, green' },
    };
    const { reading, watched } = await read([], { green: 'id=9 up' }, of, denied);
    assert.equal(reading?.inputsHash, watched.hash);
    const { selections, problems } = reading?.beside(NOTHING).parsed ?? { selections: [], problems: [] };
    assert.deepEqual(
      selections.map(({ network }) => network.name),
      ['green'],
    );
    assert.deepEqual(
      problems.map(({ code }) => code),
      ['DefinitionUnreadable'],
    );
    const later = await read([object(5)], { green: 'id=9 up' }, of);
    assert.notEqual(later.watched.hash, watched.hash, 'the right changes what the pod is to have');
  });

  it('is told apart from an API that does not answer, and from other kinds', async () => {
    const answering = (status: number) =>
      createCluster(
        {
          call: async (): Promise<KubeAnswer> => ({ status, body: {}, retryAfterMs: undefined }),
        } as unknown as KubeClient,
        podKeys(settings),
      );
    for (const ref of denied) {
      assert.equal(await answering(403).definition(ref), 'unreadable');
      assert.equal(await answering(404).definition(ref), undefined);
      await assert.rejects(answering(500).definition(ref), { code: 'ApiUnavailable' });
    }
    await assert.rejects(answering(403).definition({ kind: 'nad', namespace: 'red', name: 'blue' }), {
      code: 'ApiUnavailable',
    });
  });
});
