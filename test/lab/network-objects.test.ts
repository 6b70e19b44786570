/** Overlay networks as objects: what the API server admits, and pods that are attached to them by NPWG's annotation while they run. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { apiPath, createKubeClient, type KubeClient } from '../../adapters/kubernetes/client.ts';
import { annotate, apply, declareNetworks, SELECTOR_LABEL } from '../../deploy/demo/cluster.ts';
import { podLink, type PodRef } from '../../deploy/demo/kernel-look.ts';
import { waitReachable } from '../../deploy/demo/ping.ts';
import { kubectl, type Lab } from '../../deploy/lab/lab.ts';
import type { NetworkStatus } from '../../domain/network-objects/status.ts';
import { ACCEPTED_SPECS, REFUSED_SPECS } from '../unit/network-objects/specs.ts';
import { defineNetworks, npwgStatus, waitStatus, wantNetworks } from './cni-networks.ts';
import { ensurePodwire, labTest, openTestLab, waitEvent, waitFor, waitLink } from './harness.ts';
import { readKeys } from './records.ts';

const API_VERSION = 'podwire.io/v1alpha1';
const clusterNetwork = (name: string, spec: object): object => ({
  ...{ apiVersion: API_VERSION, kind: 'ClusterNetwork' },
  ...{ metadata: { name }, spec },
});

/** Of a ClusterNetwork, as podwire published it. */
const statusOf = (lab: Lab, name: string, isRight: (status: NetworkStatus) => boolean): Promise<NetworkStatus> =>
  waitFor(
    `the status of ${name}`,
    async () => {
      const object = await kubectl(lab, ['get', 'clusternetwork', name, '-o', 'json']);
      const { status } = JSON.parse(object) as { status?: NetworkStatus };
      return status !== undefined && isRight(status) ? status : undefined;
    },
    { limitMs: 15_000 },
  );

type Condition = NetworkStatus['conditions'][number];

async function condition(
  lab: Lab,
  name: string,
  type: Condition['type'],
  isRight: (condition: Condition) => boolean,
): Promise<Condition> {
  const of = ({ conditions }: NetworkStatus): Condition | undefined => conditions.find((each) => each.type === type);
  const isSuch = (found: Condition | undefined): boolean => found !== undefined && isRight(found);
  return of(await statusOf(lab, name, (status) => isSuch(of(status)))) ?? assert.fail();
}

describe('the API server, with the definitions of network objects', () => {
  let client: KubeClient;
  before(async () => {
    const lab = await openTestLab();
    await ensurePodwire(lab);
    client = createKubeClient({ kubeconfig: lab.kubeconfigs.admin, deadlineMs: 10_000 });
  });
  after(() => {
    client.close();
  });

  /** Undefined: it is admitted. */
  const refusal = async (object: object): Promise<string | undefined> => {
    const path = `${apiPath('apis', 'podwire.io', 'v1alpha1', 'clusternetworks')}`;
    const query = { dryRun: 'All', fieldValidation: 'Strict' };
    const { status, body } = await client.call({ method: 'POST', path, query, body: object });
    return status === 201 ? undefined : JSON.stringify(body);
  };

  test('admits what podwire takes', async () => {
    for (const [title, spec] of Object.entries(ACCEPTED_SPECS))
      assert.equal(await refusal(clusterNetwork('tried', spec)), undefined, title);
  });

  test('refuses what podwire would refuse, unknown fields, and names that an annotation cannot write', async () => {
    for (const [title, { spec }] of Object.entries(REFUSED_SPECS))
      assert.match((await refusal(clusterNetwork('tried', spec))) ?? 'admitted', /Invalid|BadRequest/, title);
    assert.match((await refusal(clusterNetwork('tried', { vni: 5, vlan: 7 }))) ?? '', /unknown field.*vlan/);
    assert.match((await refusal(clusterNetwork('a.b', { vni: 5 }))) ?? '', /metadata.name in body should match/);
    assert.match((await refusal(clusterNetwork('peers', { vni: 5 }))) ?? '', /no option of/);
  });

  test('keeps VNI and port as they were, shows them, and explains the fields', async () => {
    const lab = await openTestLab();
    await apply(lab, [clusterNetwork('kept-vni', { vni: 3301, subnets: [{ cidr: '10.33.0.0/16' }] })]);
    try {
      for (const change of [{ vni: 3302 }, { vni: 3301, port: 4789 }])
        await assert.rejects(apply(lab, [clusterNetwork('kept-vni', change)]), /cannot be changed/);
      await condition(lab, 'kept-vni', 'Ready', ({ status }) => status === 'True');
      const [, row = ''] = (await kubectl(lab, ['get', 'clusternetworks', 'kept-vni'])).split('\n');
      assert.match(row, /^kept-vni +3301 +pod +0 +True +10\.33\.0\.0\/16 /);
      const explained = await kubectl(lab, ['explain', 'clusternetworks.podwire.io.spec.subnets']);
      assert.match(explained, /gateway\s+<string>\s+An address of the subnet that leads out of it; no pod gets it\./);
    } finally {
      await kubectl(lab, ['delete', 'clusternetwork', 'kept-vni']);
    }
  });
});

const MAC = '02:00:00:34:00:01';

describe('a network object', () => {
  const t = labTest('objects');
  const name = (kind: string): string => `${kind}-${t.namespace}`;
  let pods: [PodRef, PodRef];
  const removed: string[] = [];

  before(async () => {
    pods = (await t.createPods([
      { name: 'p', node: t.node(0), label: false },
      { name: 'q', node: t.node(1), label: false },
    ])) as [PodRef, PodRef];
    const subnets = [{ cidr: '10.34.0.0/16', gateway: '10.34.0.254', routes: ['192.0.2.0/24'] }];
    await apply(t.lab, [
      clusterNetwork(name('blue'), { vni: 3401, subnets }),
      clusterNetwork(name('pooled'), {
        ...{ vni: 3404, subnets: [{ cidr: '10.35.0.0/29', exclude: ['10.35.0.4/30'] }], pool: { restSeconds: 0 } },
      }),
      clusterNetwork(name('closed'), { vni: 3402, allowedNamespaces: { names: ['somebody-else'] } }),
    ]);
    removed.push(name('blue'), name('closed'), name('pooled'));
    await defineNetworks(t.lab, t.namespace, {
      blue: { cniVersion: '1.0.0', type: 'podwire', network: name('blue') },
      closed: { cniVersion: '1.0.0', type: 'podwire', network: name('closed') },
      pooled: { cniVersion: '1.0.0', type: 'podwire', network: name('pooled') },
      late: { cniVersion: '1.0.0', type: 'podwire', network: 'late' },
    });
  });
  after(async () => {
    await kubectl(t.lab, ['delete', 'clusternetwork', '--ignore-not-found', ...removed]);
  });

  test('connects running pods of two nodes by NPWG’s annotation, with addresses and routes as it says', async () => {
    const [p, q] = pods;
    await wantNetworks(t.lab, p, [{ name: 'blue', interface: 'data0', ips: ['10.34.0.1'], mac: MAC }]);
    await wantNetworks(t.lab, q, [{ name: 'blue', ips: ['10.34.0.2'] }]);
    await waitLink(t.lab, p, 'data0', (link) => link?.up === true && link.vni === 3401);
    await waitLink(t.lab, q, 'net1', (link) => link?.addresses.includes('10.34.0.2/16') === true);
    await waitReachable(t.lab, p, '10.34.0.2');
    assert.match(await t.exec(p, ['ip', 'route', 'show', 'dev', 'data0']), /192\.0\.2\.0\/24 via 10\.34\.0\.254/);
    await waitReachable(t.lab, q, '10.34.0.1');
    await waitStatus(t.lab, q, ['net1 Attached']);
    const [entry] = await npwgStatus(t.lab, q);
    assert.deepEqual([entry?.name, entry?.interface, entry?.ips], [`${t.namespace}/blue`, 'net1', ['10.34.0.2']]);
  });

  test('that does not admit the namespace, or whose address another pod has, is refused with an event, and costs nothing else', async () => {
    const [p, q] = pods;
    const link = await podLink(t.lab, p, 'data0');
    assert.equal(link?.mac, MAC);
    const own = { name: 'blue', interface: 'data0', ips: ['10.34.0.1'], mac: MAC };
    await wantNetworks(t.lab, p, [own, { name: 'closed' }]);
    const event = await waitEvent(t.lab, p, 'NetworkRefused', /closed.*does not admit pods of namespace/);
    assert.equal(event.type, 'Warning');
    assert.deepEqual(await podLink(t.lab, p, 'data0'), link);
    await wantNetworks(t.lab, q, [{ name: 'blue', ips: ['10.34.0.1'] }]);
    await waitEvent(t.lab, q, 'NetworkRefused', new RegExp(`address 10\\.34\\.0\\.1 belongs to pod ${t.namespace}/p`));
    await wantNetworks(t.lab, q, [{ name: 'blue', ips: ['10.34.0.2'], mac: MAC }]);
    await waitEvent(t.lab, q, 'NetworkRefused', new RegExp(`address ${MAC} belongs to pod ${t.namespace}/p`));
    await wantNetworks(t.lab, q, [{ name: 'blue', ips: ['10.34.0.2'] }]);
    await waitStatus(t.lab, q, ['net1 Attached']);
  });

  test('is waited for: a pod whose Network is made later is attached then, and keeps it while it is deleted', async () => {
    const [p] = pods;
    const wanted = [
      { name: 'blue', interface: 'data0', ips: ['10.34.0.1'] },
      { name: 'late', interface: 'late0' },
    ];
    await wantNetworks(t.lab, p, wanted);
    await waitEvent(t.lab, p, 'NetworkRefused', /late.*there is no Network/);
    const network = { apiVersion: API_VERSION, kind: 'Network', metadata: { namespace: t.namespace, name: 'late' } };
    await apply(t.lab, [{ ...network, spec: { vni: 3403 } }]);
    const made = await waitLink(t.lab, p, 'late0', (link) => link?.up === true && link.vni === 3403);
    await apply(t.lab, [{ ...network, spec: { vni: 3403, mtu: 1300 } }]);
    await waitLink(t.lab, p, 'late0', (link) => link?.mtu === 1300);
    await kubectl(t.lab, ['-n', t.namespace, 'delete', 'networks.podwire.io', 'late', '--wait=false']);
    await waitFor(
      'a status that says why',
      async () => {
        const status = await waitStatus(t.lab, p, (all) => all.some(({ state }) => state === 'Refused'));
        return status.some(({ code }) => code === 'NetworkBeingDeleted') ? true : undefined;
      },
      { limitMs: 15_000 },
    );
    assert.equal((await podLink(t.lab, p, 'late0'))?.ifindex, made?.ifindex);
    await wantNetworks(t.lab, p, wanted.slice(0, 1));
    await kubectl(t.lab, ['-n', t.namespace, 'wait', '--for=delete', 'networks.podwire.io/late', '--timeout=30s']);
  });

  test('without a VNI gets one, says who its members are, and goes when the last one has gone', async () => {
    const [p, q] = pods;
    const given = name('given');
    await apply(t.lab, [clusterNetwork(given, { subnets: [{ cidr: '10.36.0.0/16' }] })]);
    removed.push(given);
    await defineNetworks(t.lab, t.namespace, { given: { cniVersion: '1.0.0', type: 'podwire', network: given } });
    const entry = (at: number): object => ({ name: 'given', interface: 'data2', ips: [`10.36.0.${at}`] });
    await wantNetworks(t.lab, p, [{ name: 'blue', interface: 'data0', ips: ['10.34.0.1'] }, entry(1)]);
    await wantNetworks(t.lab, q, [{ name: 'blue', ips: ['10.34.0.2'] }, entry(2)]);
    const link = await waitLink(t.lab, p, 'data2', (found) => (found?.vni ?? 0) >= 65_536);
    await waitReachable(t.lab, p, '10.36.0.2');
    const status = await statusOf(t.lab, given, ({ members }) => members === 2);
    assert.deepEqual([status.vni, status.nodes, status.addresses], [link?.vni, 2, 2]);
    await kubectl(t.lab, ['delete', 'clusternetwork', given, '--wait=false']);
    const { message } = await condition(t.lab, given, 'Ready', ({ reason }) => reason === 'DeletionWaits');
    assert.match(message, new RegExp(`attached: 2 \\(${t.namespace}/p, ${t.namespace}/q\\)`));
    await waitReachable(t.lab, q, '10.36.0.1');
    await wantNetworks(t.lab, p, [{ name: 'blue', interface: 'data0', ips: ['10.34.0.1'] }]);
    await condition(t.lab, given, 'Ready', (found) => found.message.includes('attached: 1 '));
    await wantNetworks(t.lab, q, [{ name: 'blue', ips: ['10.34.0.2'] }]);
    await kubectl(t.lab, ['wait', '--for=delete', `clusternetwork/${given}`, '--timeout=30s']);
    assert.deepEqual(await readKeys(t.lab, `/podwire/networks/cluster.network/${given}/`), []);
    assert.deepEqual(await readKeys(t.lab, `/podwire/network-objects/cluster.network/${given}`), []);
    assert.deepEqual(await readKeys(t.lab, `/podwire/vnis/8472/${String(link?.vni)}`), []);
  });

  test('of a name that the ConfigMap declares as well is refused, and what is attached stays', async () => {
    const [, q] = pods;
    await declareNetworks(t.lab, { [name('blue')]: 'id=3409 up' });
    try {
      await waitEvent(t.lab, q, 'NetworkRefused', /declared twice/);
      await waitReachable(t.lab, q, '10.34.0.1');
    } finally {
      await declareNetworks(t.lab, { [name('blue')]: null });
    }
    await waitStatus(t.lab, q, ['net1 Attached']);
  });

  test('with a pool gives each pod an address that nobody else has, and takes it back with the entry', async () => {
    const addressOf = async (pod: PodRef): Promise<string> => {
      await wantNetworks(t.lab, pod, [{ name: 'pooled', interface: 'pool0' }]);
      const link = await waitLink(t.lab, pod, 'pool0', (found) => found?.addresses.some(isPooled) === true);
      return link?.addresses.find(isPooled) ?? assert.fail();
    };
    const isPooled = (address: string): boolean => /^10\.35\.0\.[123]\/29$/.test(address);
    const [p, q] = pods;
    const [ofP, ofQ] = [await addressOf(p), await addressOf(q)];
    assert.notEqual(ofP, ofQ);
    await waitReachable(t.lab, p, ofQ.split('/')[0] ?? '');
    await waitStatus(t.lab, q, ['pool0 Attached']);
    const entry = (await npwgStatus(t.lab, q)).find(({ interface: name }) => name === 'pool0');
    assert.deepEqual(entry?.ips, [ofQ.split('/')[0]]);
    for (const pod of pods) {
      await wantNetworks(t.lab, pod, null);
      await waitStatus(t.lab, pod, []);
    }
  });

  test('is left when the entry goes', async () => {
    for (const pod of pods) {
      await wantNetworks(t.lab, pod, null);
      await waitStatus(t.lab, pod, []);
    }
    assert.equal(await podLink(t.lab, pods[0], 'data0'), undefined);
    assert.equal(await podLink(t.lab, pods[1], 'net1'), undefined);
  });

  test('is reached by its name in kube-vxlan-controller’s annotation as well', async () => {
    for (const [index, pod] of pods.entries()) {
      await kubectl(t.lab, ['-n', t.namespace, 'label', 'pod', pod.name, `${SELECTOR_LABEL}=true`]);
      await annotate(t.lab, pod, `${name('blue')} name=data1 ip=10.34.1.${index + 1}/16`);
      await waitLink(t.lab, pod, 'data1', (link) => link?.up === true && link.vni === 3401);
    }
    await waitReachable(t.lab, pods[0], '10.34.1.2');
  });
});
