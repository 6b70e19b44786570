/**
 * A peer knows an address by an old MAC (the pod that had it went, or its MAC was changed): it is told of the new one at once, by the link
 * that has it, and does not wait until its own entry is doubted.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createNodeSteps } from '../../activities/network/index.ts';
import { createCniJournal } from '../../adapters/cni/journal.ts';
import { createIprouteKernel } from '../../adapters/iproute/node-kernel.ts';
import type { CniAttachmentRecord } from '../../domain/records.ts';
import { createCniBench, NEVER, type CniBench } from './cni-bench.ts';
import { NETNS_ROOT, type TestNetns } from './namespace.ts';
import { createNode, NODE, type NodeUnderTest } from './node-under-test.ts';
import { Overlay, type OverlayPod } from './overlay.ts';

const IP = '/usr/sbin/ip';
const OLD_MAC = '02:00:00:00:00:99';
const WITHIN_MS = 1_000;
/** Fails when the address does not answer in time. */
const ANSWERED = fileURLToPath(new URL('../traffic/answered.mjs', import.meta.url));

let node: NodeUnderTest;
let overlay: Overlay;
let peer: OverlayPod;
before(async () => {
  node = createNode();
  overlay = await Overlay.open(node);
  peer = await overlay.pod(10);
  await overlay.join(peer, { addresses: ['192.168.50.10/24', 'fd00:50::10/64'] });
});
after(async () => {
  await overlay.close();
  await node.close();
});

const knows = (netns: TestNetns, address: string, dev: string): Promise<string> =>
  netns.exec([IP, 'neigh', 'replace', address, 'dev', dev, 'lladdr', OLD_MAC, 'nud', 'reachable']);

/** By which MAC a namespace knows an address once it is not the old one any more, or after the time that it has for that. */
async function learned(netns: TestNetns, address: string): Promise<string | undefined> {
  const until = performance.now() + WITHIN_MS;
  for (;;) {
    const text = await netns.exec([IP, '-j', 'neigh', 'show', 'to', address]);
    const mac = (JSON.parse(text) as { lladdr?: string }[])[0]?.lladdr;
    if (mac !== OLD_MAC || performance.now() > until) return mac;
    await sleep(50);
  }
}

describe('peers of a VXLAN link', () => {
  it('ask for its MAC once the mesh has followed, for IPv4 and IPv6, where another pod had its addresses before', async () => {
    const addresses = ['192.168.50.20', '192.168.50.120', 'fd00:50::20'];
    const cidrs = addresses.map((address) => `${address}/${address.includes(':') ? 64 : 24}`);
    const old = await overlay.pod(20);
    await overlay.join(old, { addresses: cidrs });
    await node.sync();
    for (const address of addresses) await knows(peer.pod.netns, address, 'green');
    await overlay.leave(old);
    const moved = await overlay.pod(26);
    await overlay.join(moved, { addresses: cidrs });
    await node.sync();
    for (const address of addresses)
      assert.notEqual(await learned(peer.pod.netns, address), OLD_MAC, `${address} is known by the old MAC`);
  });

  it('learn of it when it was down and comes up', async () => {
    const pod = await overlay.pod(21);
    const both = [pod.address, 'fd00:50::21'];
    const addresses = [`${pod.address}/24`, 'fd00:50::21/64'];
    await overlay.join(pod, { addresses, up: false });
    await node.sync();
    for (const address of both) await knows(peer.pod.netns, address, 'green');
    const { mac } = await overlay.join(pod, { addresses, up: true });
    for (const address of both) assert.equal(await learned(peer.pod.netns, address), mac, address);
  });

  it('are answered within a second by a pod that has the IPv4 and IPv6 addresses of an earlier one', async () => {
    const addresses = ['192.168.50.77/24', 'fd00:50::77/64'];
    const answersWithin = async (address: string, limitMs: number): Promise<void> => {
      await peer.pod.netns.exec([process.execPath, ANSWERED, address, String(limitMs)]);
    };
    const [earlier, later] = [await overlay.pod(28), await overlay.pod(29)];
    const { mac: old } = await overlay.join(earlier, { addresses });
    await node.sync();
    for (const address of ['192.168.50.77', 'fd00:50::77']) await answersWithin(address, 5_000);
    await overlay.leave(earlier);
    const { mac } = await overlay.join(later, { addresses });
    assert.notEqual(mac, old);
    await node.sync();
    await Promise.all(['192.168.50.77', 'fd00:50::77'].map((address) => answersWithin(address, WITHIN_MS)));
  });

  it('learn of it when it gets other addresses', async () => {
    const pod = await overlay.pod(22);
    await overlay.join(pod);
    await node.sync();
    const added = ['192.168.50.122', 'fd00:50::122'];
    for (const address of added) await knows(peer.pod.netns, address, 'green');
    const { mac } = await overlay.join(pod, { addresses: ['192.168.50.122/24', 'fd00:50::122/64'] });
    for (const address of added) assert.equal(await learned(peer.pod.netns, address), mac, address);
  });

  it('learn of it when it is set back', async () => {
    const pod = await overlay.pod(23);
    const link = { addresses: [`${pod.address}/24`, 'fd00:50::23/64'], routes: [] };
    const result = await overlay.join(pod, link);
    await node.sync();
    await pod.pod.netns.exec([IP, 'link', 'set', 'dev', 'green', 'address', OLD_MAC]);
    for (const address of [pod.address, 'fd00:50::23']) await knows(peer.pod.netns, address, 'green');
    await node.ensure(await pod.pod.intend(link, { vtep: pod.vtep, generation: 2, result }));
    for (const address of [pod.address, 'fd00:50::23'])
      assert.equal(await learned(peer.pod.netns, address), result.mac, address);
  });

  it('learn of it by an ARP request where nobody may change the settings of the kernel', async () => {
    const pod = await overlay.pod(24);
    const { mac } = await overlay.join(pod);
    await node.sync();
    await knows(peer.pod.netns, pod.address, 'green');
    const kernel = createIprouteKernel({ netnsRoots: [NETNS_ROOT] });
    const netns = await kernel.open(pod.pod.netns.path, NEVER);
    await pod.pod.netns.exec(['/usr/sbin/sysctl', '-q', '-w', 'net/ipv4/conf/green/arp_notify=0']);
    await kernel.execute(netns, [{ op: 'announce', name: 'green', address: pod.address }]);
    await netns.close();
    assert.equal(await learned(peer.pod.netns, pod.address), mac);
  });

  it('keep what static neighbours a network without flooding has, through all of this', async () => {
    const pod = await overlay.pod(25);
    await overlay.join(pod, { flood: false });
    await overlay.join(pod, { flood: false, addresses: [`${pod.address}/24`, 'fd00:50::25/64'] });
    const text = await pod.pod.netns.exec([IP, 'neigh', 'show', 'nud', 'permanent', 'dev', 'green']);
    assert.match(text, /192\.168\.50\.10 lladdr/);
  });
});

describe('who shares a CNI network', () => {
  let bench: CniBench;
  before(async () => {
    bench = await createCniBench();
  });
  after(() => bench.close());

  it('learns of the MAC of an interface when it is attached, whatever its plugins do', async () => {
    const pod = await node.pod();
    const lines = [
      'link add hd0 type veth peer name hd1',
      'address add 10.88.0.1/24 dev hd1',
      'address add fd00:88::1/64 dev hd1 nodad',
      'link set hd1 up',
    ];
    await bench.host.exec([IP, '-batch', '-'], { input: `${lines.join('\n')}\n` });
    for (const address of ['10.88.0.2', 'fd00:88::2']) await knows(bench.host, address, 'hd1');
    const ipam = { type: 'static', addresses: [{ address: '10.88.0.2/24' }, { address: 'fd00:88::2/64' }] };
    const stored = node.store.put<CniAttachmentRecord>({
      ...{ v: 1, podUid: pod.uid, namespace: 'default', name: 'a', node: NODE, sandboxId: pod.sandboxId },
      ...{ bootId: 'boot-1', netns: await pod.netns.identity() },
      owner: { workflowId: `pod/default/a/${pod.uid}`, runId: 'r' },
      ...{ kind: 'cni', dialect: 'npwg', network: { scope: 'default', name: 'wired' }, interfaceName: 'net1' },
      cni: { kind: 'cni', interfaceName: 'net1', capabilityArgs: {}, args: [], defaultRoute: [] },
      configText: JSON.stringify({ cniVersion: '1.0.0', name: 'wired', type: 'host-device', device: 'hd0', ipam }),
      ...{ definitionUid: 'd', generation: 1, phase: 'intent' },
    });
    const { podUid, sandboxId, interfaceName, generation } = stored.value;
    const journal = createCniJournal(join(bench.dir, 'journal'));
    const steps = createNodeSteps({ ...node.deps, plugins: bench.plugins, journal });
    const { mac } = await steps.cniAdd(
      { node: NODE, podUid, sandboxId, interfaceName, generation, modRevision: stored.modRevision },
      NEVER,
    );
    assert.equal(await learned(bench.host, '10.88.0.2'), mac);
    // Until the kernel has made sure that nobody else has the address (RFC 4862), the pod itself cannot use it.
    while (/tentative/.test(await pod.netns.exec([IP, '-6', 'address', 'show', 'dev', 'net1']))) await sleep(50);
    assert.equal(await learned(bench.host, 'fd00:88::2'), mac);
  });
});
