/** The fields of an NPWG selection as real plugins carry them out, and definitions that are corrected while their attachment fails. */
import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { podwireEvents } from '../../deploy/demo/cluster.ts';
import { podLink, type PodRef } from '../../deploy/demo/kernel-look.ts';
import { inNetns, whyFailed } from '../../deploy/lab/lab.ts';
import {
  bridgeConfig,
  bridgePorts,
  defineNetworks,
  labNode,
  npwgStatus,
  waitStatus,
  wantNetworks,
} from './cni-networks.ts';
import { labTest, waitEvent, waitFor, waitLink } from './harness.ts';
import { nothingLeaked, statusTruth } from './invariants.ts';

const HOST_PORT = 18_431;

describe('the fields of an NPWG selection', () => {
  const t = labTest('cni-fields');
  let pod: PodRef;

  before(async () => {
    const [main, ...rest] = [
      { type: 'bridge', bridge: 'br-fields', capabilities: { ips: true, mac: true }, ipam: { type: 'static' } },
      { type: 'portmap', capabilities: { portMappings: true }, snat: false },
      { type: 'bandwidth', capabilities: { bandwidth: true } },
    ];
    const chain = { cniVersion: '1.1.0', plugins: [main, ...rest] };
    // Declares what nothing in it does: without IPAM nobody sets an address.
    const promises = { cniVersion: '1.1.0', type: 'bridge', bridge: 'br-fields', capabilities: { ips: true } };
    await defineNetworks(t.lab, t.namespace, {
      chain: { ...chain, name: 'chain' },
      promises: { ...promises, name: 'promises' },
      corrected: { cniVersion: '1.1.0', name: 'corrected', type: 'macvlan', master: 'nowhere', ipam: {} },
      plain: bridgeConfig('plain', 'br-fields'),
    });
    [pod] = (await t.createPods([{ name: 'p', node: t.node(0), label: false }])) as [PodRef];
  });

  const onNode = async (file: string, ...args: string[]): Promise<string> => {
    const result = await inNetns(labNode(t.lab, t.node(0)).netnsPath, file, args);
    assert.equal(result.code, 0, whyFailed(result));
    return result.stdout;
  };

  test('reach the plugins that declare them: addresses, MAC, port mappings, bandwidth; and are gone with the network', async () => {
    const asked = { mac: '02:11:22:33:44:77', ips: ['10.91.0.9/24', 'fd91::9/64'] };
    await wantNetworks(t.lab, pod, [
      {
        ...{ name: 'chain', interface: 'all0', ...asked },
        portMappings: [{ hostPort: HOST_PORT, containerPort: 80, protocol: 'tcp' }],
        bandwidth: { ingressRate: 8_000_000, ingressBurst: 8_000_000 },
      },
    ]);
    const link = await waitLink(t.lab, pod, 'all0', (seen) => seen?.addresses.length === 2);
    assert.equal(link?.mac, asked.mac);
    assert.deepEqual([...(link?.addresses ?? [])].sort(), [...asked.ips].sort());
    await waitStatus(t.lab, pod, ['all0 Attached']);
    assert.deepEqual((await npwgStatus(t.lab, pod)).find((entry) => entry.interface === 'all0')?.mac, asked.mac);
    assert.match(await onNode('iptables', '-t', 'nat', '-S'), new RegExp(`--dport ${HOST_PORT}`));
    const [port = ''] = await bridgePorts(t.lab, t.node(0), 'br-fields');
    assert.match(await onNode('tc', 'qdisc', 'show', 'dev', port), /tbf/);
    await statusTruth(t.lab, [pod]);
    await wantNetworks(t.lab, pod, null);
    await waitStatus(t.lab, pod, []);
    assert.equal(await podLink(t.lab, pod, 'all0'), undefined);
    assert.doesNotMatch(await onNode('iptables', '-t', 'nat', '-S'), new RegExp(`${HOST_PORT}`));
    await nothingLeaked(t.lab);
  });

  test('that plugins declare and do not keep are refused with both sides named, and nothing stays', async () => {
    await wantNetworks(t.lab, pod, [{ name: 'promises', interface: 'broken0', ips: ['10.91.1.5/24'] }]);
    await waitEvent(t.lab, pod, 'NetworkRefused', /broken0.*10\.91\.1\.5.*asked for.*no address/);
    await waitStatus(t.lab, pod, ['broken0 Refused']);
    assert.equal(await podLink(t.lab, pod, 'broken0'), undefined);
    assert.deepEqual(await bridgePorts(t.lab, t.node(0), 'br-fields'), []);
    await wantNetworks(t.lab, pod, null);
    await waitStatus(t.lab, pod, []);
  });

  test('belong to a definition that may be corrected while its attachment fails: the next try uses the new text', async () => {
    await wantNetworks(t.lab, pod, [{ name: 'corrected', interface: 'heal0' }]);
    await waitStatus(t.lab, pod, ['heal0 Failing']);
    await defineNetworks(t.lab, t.namespace, { corrected: bridgeConfig('corrected', 'br-fields') });
    await waitLink(t.lab, pod, 'heal0', (link) => link?.up === true, 10_000);
    await waitStatus(t.lab, pod, ['heal0 Attached']);
    await wantNetworks(t.lab, pod, null);
    await waitStatus(t.lab, pod, []);
    assert.deepEqual(await bridgePorts(t.lab, t.node(0), 'br-fields'), []);
  });

  test('of a definition without a configuration: a file of the node has it, and is kept with the attachment', async () => {
    const node = labNode(t.lab, t.node(0));
    const file = join(node.cniNetworksDir, '10-on-node.conf');
    await defineNetworks(t.lab, t.namespace, { 'on-node': '' });
    await wantNetworks(t.lab, pod, [{ name: 'on-node', interface: 'file0' }]);
    await waitEvent(t.lab, pod, 'NetworkRefused', /file0.*no file of node n1 declares.*"on-node"/);
    try {
      writeFileSync(file, JSON.stringify(bridgeConfig('on-node', 'br-fields')));
      // Nobody asks again: the node wakes the pod.
      await waitLink(t.lab, pod, 'file0', (link) => link?.up === true, 15_000);
      await waitStatus(t.lab, pod, ['file0 Attached']);
    } finally {
      rmSync(file, { force: true });
    }
    // Its DEL has the text of its ADD, whatever the folder holds by then.
    await wantNetworks(t.lab, pod, null);
    await waitStatus(t.lab, pod, []);
    assert.equal(await podLink(t.lab, pod, 'file0'), undefined);
    assert.deepEqual(await bridgePorts(t.lab, t.node(0), 'br-fields'), []);
  });

  test('are told each time: a network that comes, goes and comes again has an event for each', async () => {
    const told = async (): Promise<string> =>
      (await podwireEvents(t.lab, pod))
        .filter(({ message }) => message.includes('again0'))
        .map(({ reason }) => reason)
        .sort()
        .join();
    const times = async (attached: number, detached: number): Promise<unknown> => {
      const all = [
        ...Array<string>(attached).fill('NetworkAttached'),
        ...Array<string>(detached).fill('NetworkDetached'),
      ];
      return waitFor(`events ${all.join()}`, async () => ((await told()) === all.join() ? true : undefined), {
        limitMs: 10_000,
      });
    };
    for (const round of [1, 2]) {
      await wantNetworks(t.lab, pod, [{ name: 'plain', interface: 'again0' }]);
      await times(round, round - 1);
      await wantNetworks(t.lab, pod, null);
      await times(round, round);
    }
    await t.deletePods([pod]);
    await nothingLeaked(t.lab);
  });
});
