/** Two real node workers: what connects their pods is on their disks, and in etcd. Temporal and the API are away all the time. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { createNetlinkThread } from '../../adapters/netlink/thread.ts';
import { findProgram } from '../../deploy/lab/commands.ts';
import { wholeKey } from '../../domain/keys.ts';
import { untilAsked } from '../workflows/limits.ts';
import { reaches, Underlay, type Pod } from './mesh-nodes.ts';
import type { TestNetns } from './namespace.ts';
import { tellPeers } from './peer.ts';
import { emptyNetns, resultOf, startPrimaryNode, type PrimaryNode } from './primary-node.ts';

const PEERS = [1, 2].map((number) => ({
  ...{ addresses: [`192.0.2.${number}`], mac: `0e:70:0a:08:0${number}:00` },
  subnets: [`10.8.${number}.0/24`, `fd00:8:${number}::/64`],
}));

test('pods of two nodes reach each other by what the nodes remember, and go on when a worker is killed', async (t) => {
  const thread = createNetlinkThread();
  const underlay = await Underlay.create(thread);
  t.after(async () => {
    await underlay.remove();
    await thread.close();
  });
  const nodes = [];
  for (const [index, { addresses, subnets }] of PEERS.entries()) {
    const netns = await underlay.host([`${addresses[0]}/24`]);
    const members = PEERS.filter((_, other) => other !== index).map((peer) => ({ node: 'peer', ...peer }));
    const prepared = { netns, files: { 'mesh.json': { addresses, members } } };
    const node = await startPrimaryNode(subnets, prepared);
    t.after(() => node.stop());
    nodes.push(node);
  }
  const pods = await podsOn(t, nodes);
  const reach = (): Promise<void> => reachBoth(pods);
  await reach();
  const remembered = nodes.map(({ dir }) => readFileSync(join(dir, 'mesh.json'), 'utf8'));
  for (const node of nodes) await node.kill();
  await reach();
  for (const node of nodes) await node.start();
  await reach();
  assert.deepEqual(
    nodes.map(({ dir }) => readFileSync(join(dir, 'mesh.json'), 'utf8')),
    remembered,
  );
});

test('nodes join by etcd alone, and one that is taken out of it is gone until its worker is back', async (t) => {
  const thread = createNetlinkThread();
  const underlay = await Underlay.create(thread);
  t.after(async () => {
    await underlay.remove();
    await thread.close();
  });
  const etcdctl = await etcdIn(t, await underlay.host(['192.0.2.250/24']));
  const nodes: PrimaryNode[] = [];
  for (const { addresses, subnets } of PEERS) {
    const settings = { 'etcd-endpoints': `http://${STORE}`, 'primary-node-address': addresses.join() };
    const prepared = { netns: await underlay.host([`${addresses[0]}/24`]), settings };
    const node = await startPrimaryNode(subnets, prepared);
    t.after(() => node.stop());
    nodes.push(node);
  }
  const [one, two] = nodes;
  assert.ok(one !== undefined && two !== undefined);
  const pods = await podsOn(t, nodes);
  const knowsTwo = async (): Promise<boolean> =>
    (await one.netns.exec(['/usr/sbin/ip', 'route'])).includes('10.8.2.0/24 via 10.8.2.1 dev podwire0');
  await untilAsked('the first node knows the second one', knowsTwo);
  await reachBoth(pods);

  await two.kill();
  const member = `/podwire/node-mesh/members/${two.netns.path.slice('/run/netns/'.length)}`;
  assert.deepEqual(JSON.parse(await etcdctl('get', '--print-value-only', member)), {
    v: 1,
    node: member.slice(member.lastIndexOf('/') + 1),
    ...PEERS[1],
  });
  // As long as etcd may have lost what it knew, nobody is gone.
  await etcdctl('del', member);
  await etcdctl('put', `${member}-other`, 'words');
  await reachBoth(pods);
  await etcdctl('put', wholeKey(), '{}');
  // By which the nodes are told to look.
  await etcdctl('del', `${member}-other`);
  await untilAsked('the second node is gone', async () => !(await knowsTwo()));
  await two.start();
  await untilAsked('the first node knows the second one again', knowsTwo);
  await reachBoth(pods);
});

/** One on each node, made by an ADD. */
async function podsOn(t: TestContext, nodes: readonly PrimaryNode[]): Promise<Pod[]> {
  const pods: Pod[] = [];
  for (const [index, node] of nodes.entries()) {
    const netns = await emptyNetns();
    t.after(() => netns.remove());
    t.after(tellPeers(netns));
    const { ips } = resultOf(await node.call('ADD', `pod-${index}`, netns));
    pods.push({ netns, addresses: ips.map(({ address }) => address.split('/', 1)[0] ?? '') });
  }
  return pods;
}

async function reachBoth([one, two]: readonly Pod[]): Promise<void> {
  assert.ok(one !== undefined && two !== undefined);
  await reaches(one, two);
  await reaches(two, one);
}

const STORE = '192.0.2.250:2379';

/** An etcd in a namespace of the network between the nodes, and its client there. */
async function etcdIn(t: TestContext, place: TestNetns): Promise<(...words: string[]) => Promise<string>> {
  const dir = mkdtempSync(join(tmpdir(), 'podwire-mesh-etcd-'));
  const peer = 'http://127.0.0.1:2380';
  const options = {
    ...{ 'data-dir': dir, name: 'mesh', 'listen-peer-urls': peer, 'initial-advertise-peer-urls': peer },
    ...{ 'initial-cluster': `mesh=${peer}`, 'log-level': 'error' },
    ...{ 'listen-client-urls': `http://${STORE}`, 'advertise-client-urls': `http://${STORE}` },
  };
  const argv = Object.entries(options).map(([name, value]) => `--${name}=${value}`);
  const file = findProgram('etcd') ?? assert.fail('etcd is not installed: apt-get install etcd-server');
  const server = spawn('/usr/bin/nsenter', [`--net=${place.path}`, file, ...argv], { stdio: 'ignore' });
  t.after(() => {
    server.kill('SIGKILL');
    rmSync(dir, { recursive: true, force: true });
  });
  const ctl = findProgram('etcdctl') ?? assert.fail('etcdctl is not installed: apt-get install etcd-client');
  const call = (...words: string[]): Promise<string> =>
    place.exec(['/usr/bin/env', 'ETCDCTL_API=3', ctl, `--endpoints=http://${STORE}`, ...words], { mayFail: true });
  await untilAsked('etcd answers', async () => (await call('get', 'nothing', '-w', 'json')) !== '');
  return call;
}
