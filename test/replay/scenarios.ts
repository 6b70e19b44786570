/** The lives of runs whose histories are kept: each brings one run to a point, and the run may still be open there. */
import { createSandboxRuns } from '../../adapters/temporal/sandbox-runs.ts';
import { signalObject } from '../../adapters/temporal/object-starter.ts';
import { signalMesh } from '../../adapters/temporal/pod-starter.ts';
import { signalDirty, signalResync } from '../../adapters/reflect/reflect-starter.ts';
import { PodwireError } from '../../domain/failures.ts';
import { memberKey } from '../../domain/keys.ts';
import { meshWorkflowId, objectWorkflowId, RETRY_NOW } from '../../domain/messages.ts';
import { DEFAULT_REFLECT_SETTINGS } from '../../domain/reflect/settings.ts';
import { REFLECT_VIEW, reflectWorkflowId, type ReflectView } from '../../domain/reflect/messages.ts';
import { markerKey } from '../../domain/reflect/pod-networks.ts';
import { RECORD_VERSION } from '../../domain/records.ts';
import { DEFAULT_DIALECT_SETTINGS, NPWG_NETWORKS_ANNOTATION as NPWG } from '../../domain/settings.ts';
import type { Harness } from '../workflows/harness.ts';
import { until, untilAsked } from '../workflows/limits.ts';
import { sandboxOf } from '../workflows/scripted-nodes.ts';
import type { TestPod } from '../workflows/test-pod.ts';
import { SANDBOX_SCENARIOS } from './sandbox-scenarios.ts';

const NEVER = new AbortController().signal;
const VXLAN = DEFAULT_DIALECT_SETTINGS.annotation;

/** Returns the workflow id. */
export type Scenario = (lab: Harness) => Promise<string>;

const red = (lab: Harness, node?: string): Promise<TestPod> => lab.pod(`red id=${lab.vni()} ip=10.1.0.1/24`, node);

export const SCENARIOS: Readonly<Record<string, Scenario>> = {
  attach: async (lab) => {
    const pod = await lab.pod(`red id=${lab.vni()}, blue id=${lab.vni()}`);
    await pod.converge();
    return pod.id;
  },
  'networks-awaited': async (lab) => {
    const pod = await lab.pod(`red id=${lab.vni()}, blue id=${lab.vni()}`);
    pod.change({ podIPs: [] });
    const sandboxId = `sandbox-${pod.uid}`;
    const sandbox = sandboxOf({ podUid: pod.uid, namespace: pod.namespace, name: pod.name }, sandboxId);
    await lab.store.putSandbox('n1', { ...sandbox, podIPs: ['10.1.0.5'] });
    await createSandboxRuns(lab.client).awaitNetworks({ ...pod.identity, nodeName: 'n1' }, sandboxId, 60_000, NEVER);
    await pod.ended();
    return pod.id;
  },
  'sandbox-released': async (lab) => {
    const pod = await lab.pod(`red id=${lab.vni()}, blue id=${lab.vni()}`);
    await pod.converge();
    await lab.store.removeSandbox('n1', pod.uid);
    const sandboxId = `sandbox-${pod.uid}`;
    await createSandboxRuns(lab.client).release({ ...pod.identity, nodeName: 'n1' }, sandboxId, 60_000, NEVER);
    await pod.ended();
    return pod.id;
  },
  'released-while-awaited': async (lab) => {
    const pod = await red(lab);
    const runs = createSandboxRuns(lab.client);
    const sandboxId = `sandbox-${pod.uid}`;
    lab.nodes.script(pod.uid, 'ensureVxlanLink', () => 'hang');
    const waiting = runs.awaitNetworks({ ...pod.identity, nodeName: 'n1' }, sandboxId, 60_000, NEVER);
    await until('the attach hangs', () => pod.steps.length === 1);
    await lab.store.removeSandbox('n1', pod.uid);
    await runs.release({ ...pod.identity, nodeName: 'n1' }, sandboxId, 60_000, NEVER);
    await waiting;
    await pod.ended();
    return pod.id;
  },
  'attach-after-lookup': async (lab) => {
    const pod = await red(lab);
    await lab.etcd.transact([], [{ remove: `/podwire/sandboxes/n1/${pod.uid}` }]);
    await pod.converge();
    return pod.id;
  },
  'lookup-stuck-open': async (lab) => {
    const pod = await red(lab);
    await lab.etcd.transact([], [{ remove: `/podwire/sandboxes/n1/${pod.uid}` }]);
    lab.nodes.script(pod.uid, 'lookupSandbox', () => 'CriUnavailable');
    await pod.signal();
    await pod.shows('Stuck');
    return pod.id;
  },
  detach: async (lab) => {
    const pod = await red(lab);
    await pod.converge();
    await pod.annotate('');
    await pod.ended();
    return pod.id;
  },
  'known-from-the-start': async (lab) => {
    const pod = await red(lab);
    pod.networks = [`${pod.namespace}/red`];
    await pod.converge();
    return pod.id;
  },
  'detach-known-from-the-start': async (lab) => {
    const pod = await red(lab);
    await pod.converge();
    [pod.networks, pod.networksBefore] = [[], [`${pod.namespace}/red`]];
    await pod.annotate('');
    await pod.ended();
    return pod.id;
  },
  'replaced-link': async (lab) => {
    const pod = await red(lab);
    await pod.converge();
    await pod.annotate(`red id=${lab.vni()}`);
    await pod.ended();
    return pod.id;
  },
  'edit-refused': async (lab) => {
    const vni = lab.vni();
    const pod = await lab.pod(`red id=${vni} ip=10.1.0.1/24`);
    await pod.converge();
    lab.nodes.script(pod.uid, 'ensureVxlanLink', (call) => (call === 2 ? 'InvalidLink' : 'ok'));
    await pod.annotate(`red id=${vni} ip=10.1.0.1/24 mtu=9000`);
    await pod.ended();
    return pod.id;
  },
  'edit-refused-and-seen-again': async (lab) => {
    const vni = lab.vni();
    const pod = await lab.pod(`red id=${vni} ip=10.1.0.1/24`);
    await pod.converge();
    lab.nodes.script(pod.uid, 'ensureVxlanLink', (call) => (call === 2 || call === 3 ? 'InvalidLink' : 'ok'));
    await pod.annotate(`red id=${vni} ip=10.1.0.1/24 mtu=9000`);
    await pod.ended();
    await pod.converge();
    return pod.id;
  },
  'edit-cancelled': async (lab) => {
    const vni = lab.vni();
    const pod = await lab.pod(`red id=${vni} ip=10.1.0.1/24`);
    await pod.converge();
    lab.nodes.script(pod.uid, 'ensureVxlanLink', (call) => (call === 2 ? 'hang' : 'ok'));
    await pod.annotate(`red id=${vni} ip=10.1.0.2/24`);
    await until('the edit is tried', () => pod.calls.length === 2);
    await pod.handle.cancel();
    await pod.ended();
    return pod.id;
  },
  refused: async (lab) => {
    const pod = await lab.pod(`red id=${lab.vni()}, blue id=${lab.vni()}`);
    lab.nodes.script(`${pod.uid}/red`, 'ensureVxlanLink', () => 'LinkConflict');
    await pod.converge();
    return pod.id;
  },
  'refused-then-retried': async (lab) => {
    const pod = await red(lab);
    lab.nodes.script(pod.uid, 'ensureVxlanLink', (call) => (call === 1 ? 'LinkConflict' : 'ok'));
    await pod.converge();
    await pod.signal(RETRY_NOW);
    await pod.ended();
    return pod.id;
  },
  'stuck-open': async (lab) => {
    const pod = await lab.pod(`red id=${lab.vni()}, blue id=${lab.vni()}`);
    lab.nodes.script(`${pod.uid}/red`, 'ensureVxlanLink', () => 'ParentMissing');
    await pod.signal();
    await pod.shows('Stuck');
    return pod.id;
  },
  'stuck-of-another-cause-open': async (lab) => {
    const pod = await red(lab);
    lab.nodes.script(pod.uid, 'ensureVxlanLink', (call) => (call <= 20 ? 'CniPluginMissing' : 'ParentMissing'));
    await pod.signal();
    await pod.shows('Stuck');
    for (const attempts of [15, 25]) {
      await pod.hurry('ensure-link-red');
      await until('the ten attempts are over', () => pod.calls.length > attempts);
    }
    return pod.id;
  },
  'busy-sandbox': async (lab) => {
    const pod = await red(lab);
    const behaviours = ['SandboxBusy', 'KernelBusy', 'SandboxBusy', 'KernelBusy'] as const;
    lab.nodes.script(pod.uid, 'ensureVxlanLink', (call) => behaviours[call - 1] ?? 'ok');
    await pod.converge();
    return pod.id;
  },
  // The status of the lane that failed takes longer to write than the next lane's intent.
  'slow-status-beside-a-lane': async (lab) => {
    const pod = await lab.pod(`red id=${lab.vni()}, blue id=${lab.vni()}`);
    lab.nodes.script(`${pod.uid}/red`, 'ensureVxlanLink', (call) => (call === 1 ? 'ParentMissing' : 'ok'));
    const publishes = (): number => lab.faults.count(pod.uid, 'publishStatus');
    lab.faults.set(pod.uid, (name) => (name === 'publishStatus' && publishes() === 1 ? 'EtcdUnavailable' : undefined));
    await pod.converge();
    return pod.id;
  },
  'interrupted-back-off': async (lab) => {
    const pod = await red(lab);
    lab.nodes.script(`${pod.uid}/red`, 'ensureVxlanLink', () => 'ParentMissing');
    await pod.signal();
    await until('the second attempt failed', () => pod.calls[1]?.until !== undefined);
    await pod.annotate(`blue id=${lab.vni()}`);
    await pod.ended();
    return pod.id;
  },
  'deleted-while-attaching': async (lab) => {
    const pod = await red(lab);
    lab.nodes.script(pod.uid, 'ensureVxlanLink', () => 'hang');
    await pod.signal();
    await until('the step runs', () => pod.calls.length === 1);
    await pod.remove();
    await pod.ended();
    return pod.id;
  },
  cancelled: async (lab) => {
    const pod = await red(lab);
    lab.nodes.script(pod.uid, 'ensureVxlanLink', () => 'hang');
    await pod.signal();
    await until('the step runs', () => pod.calls.length === 1);
    await pod.handle.cancel();
    await pod.ended();
    return pod.id;
  },
  'etcd-away': async (lab) => {
    const pod = await red(lab);
    lab.faults.set(pod.uid, (name) => (name === 'recordResult' ? 'EtcdUnavailable' : undefined));
    await pod.signal();
    await pod.shows('EtcdUnavailable');
    lab.faults.set(pod.uid, undefined);
    await pod.ended();
    return pod.id;
  },
  'node-away-open': async (lab) => {
    const pod = await red(lab, 'away');
    await pod.signal();
    await pod.shows('NodeUnavailable');
    return pod.id;
  },
  'node-gone': async (lab) => {
    const stop = await lab.startNode('gone');
    const pod = await red(lab, 'gone');
    await pod.converge();
    await stop();
    await pod.remove();
    await pod.ended();
    return pod.id;
  },
  'cni-attach': async (lab) => (await cni(lab, 'green, blue@eth9')).id,
  'cni-attach-beside-vxlan': async (lab) => {
    const pod = await cniPod(lab);
    pod.change({ annotations: { [NPWG]: 'green', [VXLAN]: `red id=${lab.vni()} ip=10.1.0.1/24` } });
    await pod.converge();
    return pod.id;
  },
  'cni-detach': async (lab) => {
    const pod = await cni(lab, 'green');
    await pod.select('');
    await pod.ended();
    return pod.id;
  },
  'cni-replaced': async (lab) => {
    const pod = await cni(lab, 'green@net1');
    await pod.select('blue@net1');
    await pod.ended();
    return pod.id;
  },
  'cni-taken-back': async (lab) => {
    const pod = await cni(lab, 'green@net1');
    lab.nodes.script(pod.uid, 'cniAdd', (call) => (call > 1 && call <= 6 ? 'CniFailed' : 'ok'));
    await pod.select('blue@net1');
    await pod.ended();
    return pod.id;
  },
  'cni-exchanged': async (lab) => {
    const pod = await cni(lab, 'green@net1, blue@net2');
    await pod.select('blue@net1, green@net2');
    await pod.ended();
    return pod.id;
  },
  'cni-refused': async (lab) => {
    const pod = await cniPod(lab);
    lab.nodes.script(`${pod.uid}/net1`, 'cniAdd', () => 'CniConfigInvalid');
    await pod.select('green@net1, blue@net2');
    await pod.ended();
    return pod.id;
  },
  'cni-retried': async (lab) => {
    const pod = await cniPod(lab);
    lab.nodes.script(pod.uid, 'cniAdd', (call) => (call <= 2 ? 'CniFailed' : 'ok'));
    await pod.select('green');
    await pod.ended();
    return pod.id;
  },
  'cni-stuck-open': async (lab) => {
    const pod = await cniPod(lab);
    lab.nodes.script(`${pod.uid}/net1`, 'cniAdd', () => 'CniPluginMissing');
    await pod.select('green@net1, blue@net2');
    await pod.shows('Stuck');
    return pod.id;
  },
  'cni-deleted-while-attaching': async (lab) => {
    const pod = await cniPod(lab);
    lab.nodes.script(pod.uid, 'cniAdd', () => 'hang');
    await pod.select('green');
    await until('the step runs', () => pod.calls.length === 1);
    await pod.remove();
    await pod.ended();
    return pod.id;
  },
  'held-wish': async (lab) => {
    const vni = lab.vni();
    lab.cluster.declared = { held: `id=${vni}` };
    const pod = await lab.pod('held');
    await pod.converge();
    lab.cluster.declared = {};
    await pod.annotate(`held id=${vni}`);
    await pod.ended();
    return pod.id;
  },
  'reflect-resync': async (lab) => {
    const { cluster, store } = lab.reflection;
    for (let i = 0; i < 30; i += 1) cluster.put('namespace', `ns${i}`);
    await signalResync(lab.client, 'namespace', 'start');
    await until('the marker is there', () => store.keys(markerKey('namespace', DEFAULT_REFLECT_SETTINGS)).length === 1);
    cluster.remove('namespace', 'ns1');
    await signalDirty(lab.client, 'namespace', ['ns1', 'ns2']);
    const id = reflectWorkflowId('namespace');
    await lab.client.workflow.getHandle(id).result();
    return id;
  },
  'reflect-stuck-open': async (lab) => {
    lab.reflection.cluster.before = (_call, source) => {
      if (source === 'service') throw new PodwireError('ApiUnavailable', 'services is forbidden');
    };
    await signalDirty(lab.client, 'service', ['n/s']);
    await signalResync(lab.client, 'service', 'start');
    const id = reflectWorkflowId('service');
    await untilAsked('the run says why', async () => {
      const view = await lab.client.workflow.getHandle(id).query<ReflectView>(REFLECT_VIEW);
      return view.state === 'ApiUnavailable' && view.dirty === 1 && view.resync !== undefined;
    });
    return id;
  },
  'reflect-node-gone': async (lab) => {
    const { store } = lab.reflection;
    const key = '/vnf-agent/contiv-ksr/allocatedIDs/1';
    await store.write([{ key, value: Buffer.from('{"id":1,"name":"gone"}'), was: undefined }]);
    await signalResync(lab.client, 'node', 'start');
    const id = reflectWorkflowId('node');
    await lab.client.workflow.getHandle(id).result();
    return id;
  },
  ...SANDBOX_SCENARIOS,
  'network-object': async (lab) => {
    const ref = lab.objects.apply({});
    const id = objectWorkflowId(ref.uid);
    await signalObject(lab.client, ref, { reason: 'made' });
    await until('it has a status', () => lab.objects.find(ref)?.status !== undefined);
    lab.objects.delete(ref);
    await signalObject(lab.client, ref, { reason: 'deleted' });
    await lab.client.workflow.getHandle(id).result();
    return id;
  },
  'network-object-waiting-open': async (lab) => {
    const vni = lab.vni();
    const pod = await lab.pod(`red id=${vni}`);
    await pod.converge();
    const ref = lab.objects.apply({ vni });
    await signalObject(lab.client, ref, { reason: 'made' });
    await until('it says whose the VNI is', () => lab.objects.find(ref)?.status?.conditions[1]?.status === 'True');
    return objectWorkflowId(ref.uid);
  },
  mesh: (lab) => mesh(lab, 'whole', ['n1']),
  'mesh-with-a-node-behind': (lab) => mesh(lab, 'half', ['away', 'n1']),
};

/** A pod that asks for nothing, in a namespace with two CNI networks. */
async function cniPod(lab: Harness): Promise<TestPod> {
  const pod = await lab.pod('');
  for (const network of ['green', 'blue']) pod.define(network);
  return pod;
}

async function cni(lab: Harness, npwg: string): Promise<TestPod> {
  const pod = await cniPod(lab);
  await pod.select(npwg);
  await pod.ended();
  return pod;
}

async function mesh(lab: Harness, name: string, nodes: readonly string[]): Promise<string> {
  const network = { scope: 'cluster', name };
  for (const node of nodes) {
    const member = { v: RECORD_VERSION, node, sandboxId: node, interfaceName: 'eth1', generation: 1 };
    const value = JSON.stringify({ ...member, vtep: '10.0.0.1', mac: '02:00:00:00:00:01', addresses: [] });
    await lab.etcd.transact([], [{ put: memberKey(network, `uid-${node}`, 'eth1'), value }]);
  }
  await signalMesh(lab.client, network, { reason: 'a member joined' });
  const id = meshWorkflowId(network);
  await lab.client.workflow.getHandle(id).result();
  return id;
}
