/** An attach and a detach in a network of mode node, killed behind each request to the kernel: the next try completes them. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { inNetns } from '../../adapters/netlink/enter-netns.ts';
import { enteredBy } from '../../adapters/netlink/node-kernel.ts';
import { openNetfilterSocket } from '../../adapters/netlink/nftables/socket.ts';
import { ensurePort, raisePort, removePort, type PortSockets } from '../../adapters/netlink/operations/segment-port.ts';
import { NetlinkSocket, PROTOCOL } from '../../adapters/netlink/socket.ts';
import { createNetlinkThread } from '../../adapters/netlink/thread.ts';
import type { IdentifiedNetns } from '../../domain/ports/link-kernel.ts';
import { NEVER } from './node-under-test.ts';
import { peerOf, tellPeers } from './peer.ts';
import { seenIn } from './seen.ts';
import { Segments, type SegmentNode, type SegmentPod } from './segment-nodes.ts';

const IP = '/usr/sbin/ip';
const NFT = '/usr/sbin/nft';
const BRIDGE = '/usr/sbin/bridge';
const thread = createNetlinkThread();
after(() => thread.close());

class Killed extends Error {}

/** Runs the work as the process would that is killed behind so many requests. @returns whether there were no more */
function upTo(
  last: number,
  node: IdentifiedNetns,
  pod: IdentifiedNetns,
  work: (sockets: PortSockets) => void,
): boolean {
  let count = 0;
  const counted = (): void => {
    if (count === last) throw new Killed();
    count += 1;
  };
  const open = (where: IdentifiedNetns): NetlinkSocket =>
    inNetns(enteredBy(where).descriptor, () => new NetlinkSocket(PROTOCOL.ROUTE));
  const dying = (socket: NetlinkSocket): PortSockets['pod'] => ({
    get: (request) => socket.get(request),
    dump: (...args) => socket.dump(...args),
    request: (...args) => {
      counted();
      socket.request(...args);
    },
    requestAll: (requests) =>
      requests.flatMap((request) => {
        counted();
        return socket.requestAll([request]);
      }),
  });
  const [host, inside] = [open(node), open(pod)];
  const filter = inNetns(enteredBy(node).descriptor, openNetfilterSocket);
  const transaction: typeof filter.transaction = (messages) => {
    counted();
    filter.transaction(messages);
  };
  try {
    const hostFd = enteredBy(node).descriptor.fd;
    work({ links: dying(host), pod: dying(inside), filter: { ...filter, transaction }, hostFd });
    return true;
  } catch (error) {
    assert.ok(error instanceof Killed, String(error));
    return false;
  } finally {
    for (const socket of [host, inside, filter]) socket.close();
  }
}

describe('a network of mode node', () => {
  let segments: Segments;
  let [here, far] = [] as unknown as SegmentNode[] as [SegmentNode, SegmentNode];
  let [pod, other] = [] as unknown as SegmentPod[] as [SegmentPod, SegmentPod];
  const endings: (() => void)[] = [];
  before(async () => {
    segments = await Segments.create(thread, 2);
    [here, far] = segments.nodes as [SegmentNode, SegmentNode];
    other = await segments.pod(far, 2);
    endings.push(tellPeers(other.netns));
    pod = await segments.unattached(here, 1);
    segments.members = [...segments.members, pod.member];
    await segments.sync();
  });
  after(async () => {
    endings.forEach((end) => end());
    await segments.remove();
  });

  const attach = () => here.kernel.attach(pod.open, segments.plan(here), pod.port);
  const detach = () => here.kernel.detach(segments.plan(here), pod.port, NEVER);
  const up = async ({ netns }: Pick<SegmentPod, 'netns'>): Promise<string[]> =>
    (await netns.exec([IP, '-br', 'link', 'show', 'up']))
      .split('\n')
      .map((line) => line.split(/[ @]/, 1)[0] ?? '')
      .sort();
  /** What the kernel has of it on the node and in the pod. */
  const seen = async (): Promise<unknown[]> => [
    await seenIn(here.netns),
    await seenIn(pod.netns),
    await up(here),
    await up(pod),
    tablesIn(await here.netns.exec([NFT, 'list', 'ruleset'])),
    (await here.netns.exec([BRIDGE, 'fdb']))
      .split('\n')
      .filter((line) => / static|dst/.test(line))
      .sort(),
  ];

  test('is whole after a second try, whichever request the first attach ended behind', async () => {
    await attach();
    assert.equal(await peerOf(pod.netns, other.four), pod.four);
    const expected = unmarked(await seen());
    let last = 0;
    for (let isWhole = false; !isWhole; last += 1) {
      await detach();
      isWhole = upTo(last, here.open, pod.open, (sockets) =>
        raisePort(sockets, ensurePort(sockets, segments.plan(here), pod.port), pod.port),
      );
      await attach();
      assert.deepEqual(unmarked(await seen()), expected, `after ${last} requests`);
    }
    assert.ok(last > 25, `${last} requests`);
    assert.equal(await peerOf(pod.netns, other.six), pod.six);
  });

  test('is put right by the next look, whatever somebody changed', async () => {
    await attach();
    await segments.sync();
    const expected = unmarked(await seen());
    const { device, bridge } = segments.plan(here);
    const { mac } = other.member;
    const changes = [
      ...[`${BRIDGE} fdb del ${mac} dev ${device} self`, `${BRIDGE} fdb del ${mac} dev ${device} master`],
      `${BRIDGE} fdb del 00:00:00:00:00:00 dev ${device} dst ${far.vtep}`,
      `${BRIDGE} fdb append 00:00:00:00:00:00 dev ${device} dst 192.0.2.77`,
      `${BRIDGE} fdb add 02:00:00:00:77:77 dev ${device} dst 192.0.2.77 self static`,
      `${BRIDGE} fdb replace ${mac} dev ${device} dst 192.0.2.77 self static`,
      `${BRIDGE} fdb del ${pod.member.mac} dev ${pod.port.hostName} master`,
      ...[`${BRIDGE} link set dev ${device} flood on`, `${BRIDGE} link set dev ${device} neigh_suppress off`],
      ...[`${IP} neigh del ${other.four} dev ${bridge}`, `${IP} link set ${bridge} address 02:00:00:00:77:78`],
      ...[`${IP} link set ${device} mtu 1300`, `${IP} link set ${pod.port.hostName} mtu 1300`],
      ...[`${IP} link set ${device} down`, `${IP} link set ${bridge} down`],
      ...[`${IP} link set ${device} nomaster`, `${IP} link delete ${device}`, `${NFT} flush ruleset`],
    ];
    for (const change of changes) {
      await here.netns.exec(change.split(' '));
      assert.notDeepEqual(unmarked(await seen()), expected, change);
      await segments.sync();
      assert.deepEqual(unmarked(await seen()), expected, change);
    }
    assert.equal(await peerOf(pod.netns, other.four), pod.four);
  });

  test('leaves nothing after a second try, whichever request the first detach ended behind', async () => {
    await detach();
    const empty = await seen();
    let last = 0;
    for (let isWhole = false; !isWhole; last += 1) {
      await attach();
      isWhole = upTo(last, here.open, pod.open, (sockets) => {
        removePort(sockets, segments.plan(here), pod.port);
      });
      await detach();
      assert.deepEqual(await seen(), empty, `after ${last} requests`);
    }
    assert.ok(last > 4, `${last} requests`);
  });

  test('leaves nothing after a detach, whichever request the attach before it ended behind', async () => {
    const empty = await seen();
    for (let isWhole = false, last = 0; !isWhole; last += 1) {
      isWhole = upTo(last, here.open, pod.open, (sockets) =>
        raisePort(sockets, ensurePort(sockets, segments.plan(here), pod.port), pod.port),
      );
      await detach();
      assert.deepEqual(await seen(), empty, `after ${last} requests`);
    }
  });
});

/** In whatever order they were made. */
const tablesIn = (ruleset: string): string[] =>
  ruleset
    .split(/^(?=table )/m)
    .map((table) => table.trim())
    .sort();

/**
 * Devices that are made anew have other MACs, bridges are called by these, and their timers run. What a link that comes up has by itself comes in
 * its own time.
 */
const unmarked = (seen: readonly unknown[]): unknown =>
  JSON.parse(
    JSON.stringify(seen, (_, of: unknown) => (Array.isArray(of) ? of.filter((each) => !isOfKernel(each)) : of))
      .replace(/(?<![0-9a-f:])(?!02:00:00:00)(?:[0-9a-f]{1,2}:){5}[0-9a-f]{1,2}/g, 'mac')
      .replace(/_timer(\\*)":[0-9.]+/g, '_timer$1":0')
      .replace(/"state(\\*)":(\\*)"(?:forwarding|disabled)/g, '"state$1":$2"'),
  );

const isOfKernel = (line: unknown): boolean => typeof line === 'string' && line.includes('"dst":"ff00::/8"');
