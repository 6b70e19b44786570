/** Kaloom's dialect, switched on: annotation `networks`, Network objects, interfaces named by the MD5 of the network's name. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createHash } from 'node:crypto';
import { apply } from '../../deploy/demo/cluster.ts';
import { podLink, type PodRef } from '../../deploy/demo/kernel-look.ts';
import { kubectl } from '../../deploy/lab/lab.ts';
import { recordPlugin, removePlugins } from '../lab/cni-grammar.ts';
import {
  bridgeConfig,
  bridgePorts,
  defineNetworks,
  labNode,
  npwgStatus,
  reservations,
  waitStatus,
  wantNetworks,
} from '../lab/cni-networks.ts';
import { ensurePodwire, labTest, waitEvent, waitLink } from '../lab/harness.ts';
import { nothingLeaked } from '../lab/invariants.ts';

/** podagent since v0.1.3. */
const interfaceOf = (network: string): string => `net${createHash('md5').update(network).digest('hex').slice(0, 12)}`;
const MAC = '02:4b:61:6c:6f:6d';

describe("Kaloom's dialect", () => {
  const t = labTest('cni-kaloom');
  let pod: PodRef;

  before(async () => {
    removePlugins(t.lab.nodes);
    await ensurePodwire(t.lab, { PODWIRE_KALOOM: 'true', PODWIRE_KALOOM_NAMESPACE: t.namespace });
    const networks = ['green', 'blue'].map((name, index) => ({
      apiVersion: 'kaloom.com/v1',
      kind: 'Network',
      metadata: { namespace: t.namespace, name },
      spec: {
        plugin: 'bridge',
        config: JSON.stringify({
          name,
          bridge: `br-${name}`,
          ipam: { type: 'host-local', ranges: [[{ subnet: `10.97.${index}.0/24` }]] },
        }),
      },
    }));
    await apply(t.lab, networks);
    await defineNetworks(t.lab, t.namespace, { side: bridgeConfig('side', 'br-side') });
    [pod] = (await t.createPods([{ name: 'p', node: t.node(0), label: false }])) as [PodRef];
  });
  after(async () => {
    removePlugins(t.lab.nodes);
    await ensurePodwire(t.lab);
  });

  const want = async (networks: readonly object[] | null): Promise<void> => {
    const change = networks === null ? 'networks-' : `networks=${JSON.stringify(networks)}`;
    await kubectl(t.lab, ['-n', pod.namespace, 'annotate', '--overwrite', 'pod', pod.name, change]);
  };

  test('attaches the Network objects that its annotation names, with the address and the MAC asked for', async () => {
    const plugin = recordPlugin(labNode(t.lab, t.node(0)), 'bridge');
    await want([{ name: 'green', ifMac: MAC }, { name: 'blue' }, { name: 'red', podagentSkip: true }]);
    const green = await waitLink(t.lab, pod, interfaceOf('green'), (link) => link?.up === true);
    assert.equal(green?.mac, MAC);
    assert.match(green?.addresses.join() ?? '', /^10\.97\.0\.\d+\/24$/);
    await waitLink(t.lab, pod, interfaceOf('blue'), (link) => link?.up === true);
    const [add] = plugin.events().filter(({ event, command }) => event === 'start' && command === 'ADD');
    assert.match(add?.env['CNI_ARGS'] ?? '', /K8S_POD_NETWORK=green;K8S_POD_IFMAC=02:4b:61:6c:6f:6d/);
    assert.equal(reservations(t.lab, t.node(0), 'green').length, 1);
    assert.deepEqual(await npwgStatus(t.lab, pod), [], "NPWG's status is not for it");
  });

  test("lives beside NPWG's dialect, and an interface that both want is a conflict that breaks neither", async () => {
    const kept = await podLink(t.lab, pod, interfaceOf('green'));
    await wantNetworks(t.lab, pod, [
      { name: 'side', interface: interfaceOf('green') },
      { name: 'side', interface: 'side0' },
    ]);
    await waitLink(t.lab, pod, 'side0', (link) => link?.up === true);
    await waitEvent(t.lab, pod, 'NetworkRefused', new RegExp(`${interfaceOf('green')}.*kaloom annotation`));
    assert.deepEqual(await podLink(t.lab, pod, interfaceOf('green')), kept);
    await wantNetworks(t.lab, pod, null);
    await waitLink(t.lab, pod, 'side0', (link) => link === undefined);
  });

  test('detaches what is taken out of the annotation, and gives its address back', async () => {
    await want([{ name: 'blue' }]);
    await waitLink(t.lab, pod, interfaceOf('green'), (link) => link === undefined);
    assert.ok(await podLink(t.lab, pod, interfaceOf('blue')));
    await want(null);
    await waitStatus(t.lab, pod, []);
    assert.deepEqual(reservations(t.lab, t.node(0), 'green'), []);
    assert.deepEqual(reservations(t.lab, t.node(0), 'blue'), []);
    assert.deepEqual(await bridgePorts(t.lab, t.node(0), 'br-green'), []);
    await t.deletePods([pod]);
    await nothingLeaked(t.lab);
  });
});
