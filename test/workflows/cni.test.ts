/** What a pod's run does for CNI networks: the same as for VXLAN links, by other steps, and without a mesh. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { createNodeStore } from '../../adapters/etcd/node-store.ts';
import { inputsHash } from '../../adapters/hash/inputs-hash.ts';
import { md5 } from '../../adapters/hash/md5.ts';
import { ipCodec } from '../../adapters/ip/ip-codec.ts';
import type { NodeConfig } from '../../domain/cni/node-configs.ts';
import { definitionKey, type DefinitionLookup } from '../../domain/cni/network-definition.ts';
import { desiredInputs } from '../../domain/desired-inputs.ts';
import type { PodView } from '../../domain/pod/pod-view.ts';
import { RECORD_VERSION } from '../../domain/records.ts';
import { DEFAULT_DIALECT_SETTINGS } from '../../domain/settings.ts';
import { cniPods } from './cni-pods.ts';
import { startHarness, type Harness } from './harness.ts';
import { until } from './limits.ts';
import type { TestPod } from './test-pod.ts';

describe('a CNI network of a running pod', { concurrency: true }, () => {
  let lab: Harness;
  before(async () => {
    lab = await startHarness();
  });
  after(() => lab.stop());

  const { podWith, attached, recorded } = cniPods(() => lab);
  const viewOf = ({ namespace, name }: TestPod): PodView | undefined => lab.cluster.pods.get(`${namespace}/${name}`);
  /** Signals as the watcher does, until the mark is that of the inputs as the watcher sees them. Returns how many runs that took. */
  const followed = async (pod: TestPod): Promise<number> => {
    for (let runs = 1; runs <= 5; runs += 1) {
      await pod.converge();
      const view = viewOf(pod);
      assert.ok(view);
      const lookup: DefinitionLookup = (ref) => lab.cluster.definitions.get(definitionKey(ref)) ?? 'absent';
      const surroundings = { declared: 'absent' as const, definitions: lookup, md5 };
      const { canonical } = desiredInputs(view, surroundings, DEFAULT_DIALECT_SETTINGS, ipCodec);
      if ((await lab.store.readConverged([pod.uid])).get(pod.uid)?.inputsHash === inputsHash(canonical)) return runs;
    }
    return assert.fail('the runs go on for ever');
  };
  /** What Multus writes into network-status when it has made a sandbox's network `name@interface`. */
  const byMultus = ({ namespace }: TestPod, network: string): string => {
    const [name = '', interfaceName = ''] = network.split('@');
    return JSON.stringify([
      { name: 'cbr0', interface: 'eth0', ips: ['10.244.0.5'], mac: '02:00:00:00:00:98', default: true, dns: {} },
      {
        ...{ name: `${namespace}/${name}`, interface: interfaceName, ips: ['10.9.0.9'], mac: '02:00:00:00:00:99' },
        ...{ dns: {} },
      },
    ]);
  };
  const keysOf = async (pod: TestPod): Promise<string[]> =>
    (await lab.etcd.keys('/podwire/')).filter((key) => key.includes(pod.uid));

  it('is attached by cniAdd alone, as activity cni-add-net1, and joins no mesh', async () => {
    const pod = await attached('green');
    assert.deepEqual(pod.steps, ['cniAdd net1']);
    assert.deepEqual(await pod.activityIds(), ['cni-add-net1']);
    assert.equal(lab.faults.calls.filter(({ of, name }) => of === 'green' && /Mesh/.test(name)).length, 0);
    assert.ok(!lab.meshSignals.includes(`${pod.namespace}/green`));
    assert.equal(await pod.state(), 'Converged');
    assert.equal(await pod.mark(), 'converged');
    assert.deepEqual(await recorded(pod), ['net1 green attached']);
    assert.deepEqual(pod.status, ['net1 Attached']);
    assert.deepEqual(pod.wholeNpwgStatus, ['eth0 default', `net1 ${pod.namespace}/green`]);
    assert.deepEqual(pod.events, [`NetworkAttached: attached net1 to network ${pod.namespace}/green`]);
  });

  it('that is there costs nothing again, also when its definition was edited', async () => {
    const pod = await attached('green@net1');
    pod.define('green');
    await pod.converge();
    assert.deepEqual(pod.steps, ['cniAdd net1']);
    assert.equal(await pod.mark(), 'converged');
  });

  it('tells the pod what its plugins left there, when it is detached', async () => {
    const pod = await attached('green');
    lab.nodes.left.set(pod.uid, { code: 'SysctlStays', message: 'sysctl net/core/somaxconn stays 777' });
    await pod.select('');
    await pod.ended();
    assert.equal(await pod.mark(), 'converged');
    assert.deepEqual(pod.events.slice(1).sort(), [
      `NetworkDetached: detached net1 from network ${pod.namespace}/green`,
      'NetworkWarning: net1: sysctl net/core/somaxconn stays 777',
    ]);
  });

  const files = new Map<string, NodeConfig>();
  /** Puts a file of the network beside those that the node offers. */
  const publish = async (name: string, more: object = {}): Promise<void> => {
    const text = JSON.stringify({ cniVersion: '1.0.0', name, type: 'bridge', ...more });
    files.set(name, { file: `${name}.conf`, name, text });
    await createNodeStore(lab.etcd).putNodeConfigs('n1', { v: RECORD_VERSION, configs: [...files.values()] });
  };

  it('whose file the node lacks is refused, and attached when the pod is woken because the file is there', async () => {
    const pod = await lab.pod('');
    const network = `filed-${pod.uid}`;
    pod.define(network, '');
    await pod.select(`${network}@net1`);
    await pod.ended();
    assert.equal(await pod.state(), 'Refused');
    assert.equal(await pod.mark(), 'refused');
    await publish(network);
    const waiting = await createNodeStore(lab.etcd).listWaitingForConfigs('n1');
    assert.ok(waiting.some(({ uid }) => uid === pod.uid));
    await pod.converge();
    assert.equal(await pod.state(), 'Converged');
    assert.equal(await pod.mark(), 'converged');
    assert.deepEqual([pod.links, pod.status], [['net1'], ['net1 Attached']]);
  });

  it('whose plugins refuse what is in the file of the node is tried again when that is another one, and not before', async () => {
    const pod = await lab.pod('');
    const network = `filed-${pod.uid}`;
    pod.define(network, '');
    await publish(network);
    lab.nodes.script(pod.uid, 'cniAdd', (call) => (call === 1 ? 'CniConfigInvalid' : 'ok'));
    await pod.select(`${network}@net1`);
    await pod.ended();
    assert.equal(await pod.mark(), 'refused');
    await publish(`other-${pod.uid}`);
    await pod.converge();
    assert.deepEqual(pod.steps, ['cniAdd net1', 'cniDelete net1']);
    assert.deepEqual(pod.status, ['net1 Refused']);
    await publish(network, { mtu: 1400 });
    const waiting = await createNodeStore(lab.etcd).listWaitingForConfigs('n1');
    assert.ok(waiting.some(({ uid }) => uid === pod.uid));
    await pod.converge();
    assert.equal(await pod.mark(), 'converged');
    assert.deepEqual([pod.links, pod.status], [['net1'], ['net1 Attached']]);
  });

  it('whose file comes between the refusal and its record is attached by the run itself', async () => {
    const pod = await lab.pod('');
    const network = `filed-${pod.uid}`;
    pod.define(network, '');
    lab.faults.set(pod.uid, (name) => (name === 'recordRefusal' ? 'EtcdUnavailable' : undefined));
    await pod.select(`${network}@net1`);
    await until('the refusal is about to be recorded', () => lab.faults.count(pod.uid, 'recordRefusal') > 0);
    await publish(network);
    lab.faults.set(pod.uid, undefined);
    await until('the pod has the network', () => pod.links.includes('net1'));
    await pod.ended();
    assert.equal(await pod.mark(), 'converged');
    assert.deepEqual(pod.status, ['net1 Attached']);
  });

  it('is detached by cniDelete alone, and leaves no record', async () => {
    const pod = await attached('green');
    await pod.select('');
    await pod.ended();
    assert.deepEqual(pod.steps, ['cniAdd net1', 'cniDelete net1']);
    assert.deepEqual(await pod.activityIds(), ['cni-del-net1']);
    assert.deepEqual([pod.links, pod.status, pod.wholeNpwgStatus, await recorded(pod)], [[], [], [], []]);
    assert.equal(pod.events.at(-1), `NetworkDetached: detached net1 from network ${pod.namespace}/green`);
    assert.ok(!lab.meshSignals.includes(`${pod.namespace}/green`));
  });

  it('that cannot be taken away stays in both statuses until it is gone, whatever becomes of another one', async () => {
    const pod = await attached('green, blue');
    let fails = true;
    lab.nodes.script(`${pod.uid}/net2`, 'cniDelete', () => (fails ? 'CniFailed' : 'ok'));
    await pod.select('');
    await until('the status tells of the one that is gone', () => pod.status.length === 1);
    assert.deepEqual(pod.links, ['net2']);
    assert.deepEqual(pod.status, ['net2 Detaching']);
    assert.deepEqual(pod.wholeNpwgStatus, ['eth0 default', `net2 ${pod.namespace}/blue`]);
    fails = false;
    await pod.ended();
    assert.deepEqual([pod.links, pod.status, pod.wholeNpwgStatus], [[], [], []]);
    assert.equal(pod.events.at(-1), `NetworkDetached: detached net2 from network ${pod.namespace}/blue`);
  });

  it('that was never attached is not told to be detached when it is asked for no more', async () => {
    const pod = await podWith('green', 'blue', 'red');
    lab.nodes.script(`${pod.uid}/net1`, 'cniAdd', () => 'CniFailed');
    lab.nodes.script(`${pod.uid}/net2`, 'cniAdd', () => 'CniConfigInvalid');
    await pod.select('green, blue, red');
    await until('the third one is attached', () => pod.status.includes('net3 Attached'));
    await pod.select('');
    await pod.ended();
    assert.deepEqual([pod.links, pod.status, await recorded(pod)], [[], [], []]);
    const detached = pod.events.filter((event) => event.startsWith('NetworkDetached'));
    assert.deepEqual(detached, [`NetworkDetached: detached net3 from network ${pod.namespace}/red`]);
  });

  it('without a name of its own gets the next one when the first is somebody else’s, keeps it, and nothing is refused', async () => {
    const pod = await podWith('green', 'blue');
    lab.nodes.script(`${pod.uid}/net1`, 'cniAdd', () => 'InterfaceConflict');
    await pod.select('green');
    await pod.ended();
    assert.deepEqual(pod.steps, ['cniAdd net1', 'cniDelete net1', 'cniAdd net2']);
    assert.deepEqual([pod.links, pod.status], [['net2'], ['net2 Attached']]);
    assert.deepEqual(pod.npwgStatus, [`net2 ${pod.namespace}/green`]);
    assert.deepEqual([await pod.state(), await pod.mark()], ['Converged', 'converged']);
    assert.deepEqual(pod.events, [`NetworkAttached: attached net2 to network ${pod.namespace}/green`]);
    assert.equal(await followed(pod), 1);
    assert.equal(pod.steps.length, 3);
    await pod.select('blue, green');
    await pod.ended();
    assert.deepEqual(pod.status, ['net3 Attached', 'net2 Attached']);
    assert.equal(await pod.mark(), 'converged');
  });

  it('without a name of its own is refused when name after name is somebody else’s', async () => {
    const pod = await podWith('green');
    lab.nodes.script(pod.uid, 'cniAdd', () => 'InterfaceConflict');
    await pod.select('green');
    await pod.ended();
    const tries = pod.steps.filter((step) => step.startsWith('cniAdd'));
    assert.deepEqual([tries[0], tries.at(-1), tries.length], ['cniAdd net1', 'cniAdd net9', 9]);
    assert.deepEqual([pod.links, pod.status, await recorded(pod)], [[], ['net9 Refused'], []]);
    assert.deepEqual([await pod.state(), await pod.mark()], ['Refused', 'refused']);
    assert.deepEqual(pod.events, ['NetworkRefused: net9: scripted InterfaceConflict']);
    await pod.converge();
    assert.equal(pod.steps.filter((step) => step.startsWith('cniAdd')).length, 9, 'the same is not tried again');
  });

  it('that asks for a name which is somebody else’s is refused it, and gets no other', async () => {
    const pod = await podWith('green');
    lab.nodes.script(`${pod.uid}/net1`, 'cniAdd', () => 'InterfaceConflict');
    await pod.select('green@net1');
    await pod.ended();
    assert.deepEqual(pod.steps, ['cniAdd net1', 'cniDelete net1']);
    assert.deepEqual([pod.status, await pod.mark()], [['net1 Refused'], 'refused']);
  });

  it('that is refused for good is undone by cniDelete, forgotten and explained; the good one beside it stays', async () => {
    const pod = await podWith('green', 'blue');
    lab.nodes.script(`${pod.uid}/net1`, 'cniAdd', () => 'CniConfigInvalid');
    await pod.select('green@net1, blue@net2');
    await pod.ended();
    assert.deepEqual(pod.steps, ['cniAdd net1', 'cniDelete net1', 'cniAdd net2']);
    assert.deepEqual(await recorded(pod), ['net2 blue attached']);
    assert.equal(await pod.state(), 'Refused');
    assert.equal(await pod.mark(), 'refused');
    assert.deepEqual(pod.status, ['net2 Attached', 'net1 Refused']);
    assert.deepEqual(pod.npwgStatus, [`net2 ${pod.namespace}/blue`]);
    assert.ok(pod.events.includes('NetworkRefused: net1: scripted CniConfigInvalid'));
    await pod.converge();
    assert.equal(pod.calls.length, 3, 'it is not tried again');
  });

  it('that fails is tried again without a cniDelete of the run: the node undoes its own tries', async () => {
    const pod = await podWith('green');
    lab.nodes.script(pod.uid, 'cniAdd', (call) => (call <= 2 ? 'CniFailed' : 'ok'));
    await pod.select('green');
    await pod.ended();
    assert.deepEqual(pod.steps, Array<string>(3).fill('cniAdd net1'));
    assert.equal(await pod.state(), 'Converged');
  });

  it('keeps its generated interface when the one before it is taken away', async () => {
    const pod = await attached('green, blue');
    assert.deepEqual(await recorded(pod), ['net1 green attached', 'net2 blue attached']);
    await pod.select('blue');
    await pod.ended();
    assert.deepEqual(pod.steps.slice(2), ['cniDelete net1']);
    assert.deepEqual(await recorded(pod), ['net2 blue attached']);
  });

  it('stays when its definition vanishes, and the pod is told', async () => {
    const pod = await attached('green');
    lab.cluster.definitions.delete(`nad/${pod.namespace}/green`);
    await pod.converge();
    assert.deepEqual(pod.steps, ['cniAdd net1']);
    assert.deepEqual(await recorded(pod), ['net1 green attached']);
    assert.equal(await pod.state(), 'Refused');
  });

  it('stays attached when its owner takes podwire’s status away or garbles it, and the status comes back', async () => {
    const pod = await attached('green, blue');
    const good = viewOf(pod)?.publishedStatus;
    const garbled = JSON.stringify([{ interface: 'net1', state: 'Attached', mac: '02:00:00:00:00:77' }]);
    for (const publishedStatus of [undefined, 'nonsense', '[]', garbled]) {
      pod.change({ publishedStatus });
      const runs = await followed(pod);
      assert.equal(viewOf(pod)?.publishedStatus, good);
      assert.ok(runs <= 2, `${runs} runs`);
    }
    assert.deepEqual(pod.steps, ['cniAdd net1', 'cniAdd net2']);
    assert.deepEqual(await recorded(pod), ['net1 green attached', 'net2 blue attached']);
    assert.deepEqual(pod.npwgStatus, [`net1 ${pod.namespace}/green`, `net2 ${pod.namespace}/blue`]);
    assert.equal(await pod.mark(), 'converged');
  });

  it('stays attached when podwire’s status goes in the same edit in which another one is added or taken away', async () => {
    const pod = await attached('green@a0');
    pod.change({ publishedStatus: undefined });
    await pod.select('green@a0, blue@b0');
    await followed(pod);
    assert.deepEqual(await recorded(pod), ['a0 green attached', 'b0 blue attached']);
    pod.change({ publishedStatus: undefined });
    await pod.select('blue@b0');
    await followed(pod);
    assert.deepEqual(pod.steps, ['cniAdd a0', 'cniAdd b0', 'cniDelete a0']);
    assert.deepEqual(pod.status, ['b0 Attached']);
    assert.deepEqual(pod.npwgStatus, [`b0 ${pod.namespace}/blue`]);
  });

  it('is attached anew in a sandbox that was made anew, also when podwire’s status is gone', async () => {
    for (const publishedStatus of [(pod: TestPod) => viewOf(pod)?.publishedStatus, () => undefined]) {
      const pod = await attached('green');
      pod.change({ publishedStatus: publishedStatus(pod) });
      await pod.publishSandbox(`${pod.uid}-2`);
      await followed(pod);
      assert.deepEqual(pod.steps, ['cniAdd net1', 'cniDelete net1', 'cniAdd net1']);
      assert.deepEqual(pod.npwgStatus, [`net1 ${pod.namespace}/green`]);
      assert.deepEqual(pod.status, ['net1 Attached']);
    }
  });

  it('is left to the other runtime that attached it when the sandbox was made anew, and what was recorded goes', async () => {
    for (const isKnown of [true, false]) {
      const pod = await attached('green');
      const npwgStatus = byMultus(pod, 'green@net1');
      pod.change({ npwgStatus });
      // The node may tell of the new sandbox later than the other runtime.
      if (isKnown) await pod.publishSandbox(`${pod.uid}-2`);
      await followed(pod);
      if (!isKnown) await pod.publishSandbox(`${pod.uid}-2`);
      await pod.converge();
      assert.deepEqual(pod.steps, ['cniAdd net1', 'cniDelete net1']);
      assert.deepEqual([await recorded(pod), pod.status], [[], []]);
      assert.equal(viewOf(pod)?.npwgStatus, npwgStatus);
      assert.deepEqual([await pod.state(), await pod.mark()], ['Converged', 'converged']);
    }
  });

  it('that another runtime attached is left alone; podwire’s status names it only beside work of its own', async () => {
    const pod = await podWith('green', 'blue');
    pod.change({ npwgStatus: byMultus(pod, 'green@net1') });
    await pod.select('green');
    await followed(pod);
    assert.deepEqual([pod.steps, viewOf(pod)?.publishedStatus], [[], undefined]);
    await pod.select('green, blue');
    await followed(pod);
    assert.deepEqual(pod.steps, ['cniAdd net2']);
    assert.deepEqual(pod.status, ['net2 Attached', 'net1 Foreign']);
    assert.deepEqual(pod.npwgStatus, ['eth0 cbr0', `net1 ${pod.namespace}/green`, `net2 ${pod.namespace}/blue`]);
    await pod.select('blue@net2');
    await followed(pod);
    assert.deepEqual(pod.status, ['net2 Attached']);
    await pod.select('green, blue@net2');
    await followed(pod);
    assert.deepEqual(pod.status, ['net2 Attached', 'net1 Foreign']);
    await pod.select('green');
    await followed(pod);
    assert.deepEqual([pod.steps, pod.status], [['cniAdd net2', 'cniDelete net2'], []]);
    assert.equal(viewOf(pod)?.npwgStatus, byMultus(pod, 'green@net1'));
  });

  it('of a pod that is deleted in the middle of cniAdd leaves nothing', async () => {
    const pod = await podWith('green');
    lab.nodes.script(pod.uid, 'cniAdd', () => 'hang');
    await pod.select('green');
    await until('the step runs', () => pod.calls.length === 1);
    await pod.remove();
    await pod.ended();
    assert.deepEqual(pod.steps, ['cniAdd net1', 'cniDelete net1']);
    assert.deepEqual(await keysOf(pod), [`/podwire/sandboxes/n1/${pod.uid}`]);
  });
});
