/** The rules of a node whose pods are on the primary network: as nft(8) reads them, beside others' rules, and while they are replaced. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { createNetlinkThread } from '../../adapters/netlink/thread.ts';
import { until } from '../workflows/limits.ts';
import { Underlay, type MeshNode, type Pod } from './mesh-nodes.ts';
import type { TestNetns } from './namespace.ts';
import { NEVER } from './node-under-test.ts';
import { peerOf, tellPeers } from './peer.ts';

const IP = '/usr/sbin/ip';
const NFT = '/usr/sbin/nft';
const PORTMAP = '/usr/lib/cni/portmap';
const thread = createNetlinkThread();
after(() => thread.close());

describe('the rules of a node', () => {
  let underlay: Underlay;
  let node = undefined as unknown as MeshNode;
  let pod = undefined as unknown as Pod;
  let world: TestNetns;
  const endings: (() => void)[] = [];
  before(async () => {
    underlay = await Underlay.create(thread);
    world = await underlay.host(['192.0.2.250/24', '2001:db8:2::250/64']);
    await world.exec([IP, 'address', 'add', '203.0.113.9/32', 'dev', 'lo']);
    node = await underlay.node(1, {}, { gateways: ['192.0.2.250', '2001:db8:2::250'] });
    pod = await node.pod(2);
    await underlay.look(node, await underlay.node(2));
    for (const netns of [world, pod.netns]) endings.push(tellPeers(netns));
  });
  after(async () => {
    endings.forEach((end) => end());
    await underlay.remove();
  });

  test('are what nft(8) would have made of these', async () => {
    const lines = (await node.netns.exec([NFT, 'list', 'table', 'inet', 'podwire-primary']))
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => !['', '}'].includes(line));
    assert.deepEqual(lines, [
      'table inet podwire-primary {',
      ...['set nodes4 {', 'type ipv4_addr', 'elements = { 192.0.2.1, 192.0.2.2 }'],
      ...['set kept4 {', 'type ipv4_addr', 'flags interval', 'elements = { 10.7.1.0-10.7.2.255, 224.0.0.0/4 }'],
      ...['set nodes6 {', 'type ipv6_addr', 'elements = { 2001:db8:2::1,', '2001:db8:2::2 }'],
      ...['set kept6 {', 'type ipv6_addr', 'flags interval'],
      ...['elements = { fd00:7:1::/64,', 'fd00:7:2::/64,', 'ff00::/8 }'],
      ...['chain prerouting {', 'type filter hook prerouting priority raw; policy accept;'],
      'iifname "pwp*" meta nfproto ipv6 fib saddr . iif oif 0 drop',
      ...['chain input {', 'type filter hook input priority filter; policy accept;'],
      'udp dport 4789 iifname "pwp*" drop',
      'udp dport 4789 ip saddr != @nodes4 drop',
      'udp dport 4789 ip6 saddr != @nodes6 drop',
      ...['chain forward {', 'type filter hook forward priority filter; policy accept;'],
      'iifname "pwp*" udp dport 4789 ip daddr @nodes4 drop',
      'iifname "pwp*" udp dport 4789 ip6 daddr @nodes6 drop',
      ...['chain postrouting {', 'type nat hook postrouting priority srcnat; policy accept;'],
      'ip saddr 10.7.1.0/24 ip daddr != @kept4 masquerade fully-random',
      'ip6 saddr fd00:7:1::/64 ip6 daddr != @kept6 masquerade fully-random',
    ]);
  });

  test('do not end a connection that leaves the cluster when they are replaced, or the worker is', async (t) => {
    const echo = ['/usr/bin/socat', 'TCP4-LISTEN:7200,fork,reuseaddr', 'EXEC:/usr/bin/cat'];
    const server = spawn('/usr/bin/nsenter', [`--net=${world.path}`, ...echo], { stdio: 'ignore' });
    t.after(() => server.kill('SIGKILL'));
    const call = ['/usr/bin/socat', '-', 'TCP4:203.0.113.9:7200,retry=100,interval=0.1'];
    const caller = spawn('/usr/bin/nsenter', [`--net=${pod.netns.path}`, ...call], {
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    t.after(() => caller.kill('SIGKILL'));
    let said = '';
    caller.stdout.on('data', (part: Buffer) => (said += part.toString()));
    const says = async (line: string): Promise<void> => {
      caller.stdin.write(`${line}\n`);
      await until(`the answer to ${line}`, () => said.includes(line), 15_000);
    };
    await says('before');
    await node.restart().load(NEVER);
    await says('behind a worker');
    await underlay.look(node, await underlay.node(3));
    await says('behind a change');
    assert.equal(caller.exitCode, null);
  });

  test('leave hostPort and its marks to the plugin portmap behind podwire', async (t) => {
    const plugin = (command: string): Promise<string> =>
      node.netns.exec(
        [
          '/usr/bin/env',
          '-i',
          'PATH=/usr/sbin:/usr/bin:/sbin:/bin',
          `CNI_COMMAND=${command}`,
          'CNI_CONTAINERID=s-2',
        ].concat(['CNI_IFNAME=eth0', `CNI_NETNS=${pod.netns.path}`, 'CNI_PATH=/usr/lib/cni', PORTMAP]),
        { input: JSON.stringify(portmapConfig(pod)) },
      );
    await plugin('ADD');
    t.after(() => plugin('DEL'));
    // From outside by the caller's own address, which the pod sees.
    assert.equal(await peerOf(world, '192.0.2.1', 7300), '192.0.2.250');
    // From the node, and from the pod itself by its node: portmap's own mark makes the answer come back the same way.
    assert.equal(await peerOf(node.netns, '192.0.2.1', 7300), '192.0.2.1');
    assert.equal(await peerOf(node.netns, '127.0.0.1', 7300), '10.7.1.1');
    assert.equal(await peerOf(pod.netns, '192.0.2.1', 7300), '10.7.1.1');
    await node.restart().load(NEVER);
    assert.equal(await peerOf(world, '192.0.2.1', 7300), '192.0.2.250');
    assert.equal(await peerOf(pod.netns, '203.0.113.9'), '192.0.2.1');
  });
});

const portmapConfig = ({ netns, addresses: [address = ''] }: Pod) => ({
  ...{ cniVersion: '1.0.0', name: 'cluster', type: 'portmap', capabilities: { portMappings: true } },
  runtimeConfig: { portMappings: [{ hostPort: 7300, containerPort: 7000, protocol: 'tcp' }] },
  prevResult: {
    cniVersion: '1.0.0',
    interfaces: [{ name: 'pwp0a070102' }, { name: 'eth0', sandbox: netns.path }],
    ips: [{ address: `${address}/32`, gateway: '10.7.1.1', interface: 1 }],
  },
});
