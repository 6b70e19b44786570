/** What the kernel tells of changes in a namespace that is followed, and what that costs. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { after, afterEach, before, describe, it } from 'node:test';
import { createChangeNotices } from '../../adapters/netlink/change-notices.ts';
import { createNetlinkThread, type NetlinkThread } from '../../adapters/netlink/thread.ts';
import type { ChangeNotice, ChangeNotices } from '../../domain/ports/change-notices.ts';
import { createNode, type NodeUnderTest, type Pod } from './node-under-test.ts';
import { NETNS_ROOT, createTestNetns, type TestNetns } from './namespace.ts';
import { until } from '../workflows/limits.ts';

const IP = '/usr/sbin/ip';
const BRIDGE = '/usr/sbin/bridge';
const SHELL = '/bin/sh';
/** A change is told within this; the kernel and two threads need a few of them. */
const AT_ONCE_MS = 1_000;
/** Longer than whatever the kernel says late of a change: addresses of IPv6 are checked for a second. */
const QUIET_MS = 2_500;

interface Told extends ChangeNotice {
  readonly at: number;
}

let thread: NetlinkThread;
let notices: ChangeNotices;
let told: Told[] = [];
let netns: TestNetns;
const made: TestNetns[] = [];
const children: ChildProcess[] = [];

before(() => {
  thread = createNetlinkThread();
  notices = createChangeNotices(thread, [NETNS_ROOT]);
  notices.listen({ changed: (notice) => void told.push({ ...notice, at: performance.now() }), ended: () => undefined });
});
after(() => thread.close());
afterEach(async () => {
  for (const child of children.splice(0)) end(child);
  await Promise.all(made.splice(0).map((each) => each.remove()));
});

async function namespace(): Promise<TestNetns> {
  const created = await createTestNetns();
  made.push(created);
  return created;
}

const toldOf = (sandboxId: string): Told[] => told.filter((each) => each.sandboxId === sandboxId);

/** Follows it, once all that its own making is told of has been told. */
async function follow(sandboxId: string, where: TestNetns): Promise<void> {
  await notices.follow({ sandboxId, netns: await where.identity() });
  await quiet(sandboxId);
  told = told.filter((each) => each.sandboxId !== sandboxId);
}

/** Until nothing was told for a while. */
async function quiet(sandboxId: string): Promise<void> {
  let [count, since] = [-1, performance.now()];
  await until('nothing to be told any more', () => {
    const now = toldOf(sandboxId).length;
    if (now !== count) [count, since] = [now, performance.now()];
    return performance.now() - since > QUIET_MS;
  });
}

const change = (where: TestNetns, words: string): Promise<string> => where.exec([IP, ...words.split(' ')]);

/** Says how long after `work` the first notice came. */
async function toldAfter(sandboxId: string, work: () => Promise<unknown>): Promise<Told & { readonly tookMs: number }> {
  const before = toldOf(sandboxId).length;
  const startedAt = performance.now();
  await work();
  await until(`a notice of ${sandboxId}`, () => toldOf(sandboxId).length > before);
  const first = toldOf(sandboxId)[before];
  assert.ok(first);
  return { ...first, tookMs: first.at - startedAt };
}

describe('a namespace that is followed', () => {
  before(async () => {
    netns = await createTestNetns();
    await change(netns, 'link add green type vxlan id 4711 dev eth0 dstport 8472 nolearning');
    await change(netns, 'link set green up');
    await change(netns, 'address add 10.1.1.1/24 dev green');
    await change(netns, 'route add 10.2.0.0/16 via 10.1.1.9 dev green');
    await netns.exec([BRIDGE, 'fdb', 'append', '00:00:00:00:00:00', 'dev', 'green', 'dst', '10.244.1.6']);
    await change(netns, 'neighbour replace 10.1.1.4 lladdr 02:00:00:00:00:04 dev green nud permanent protocol 230');
    await follow('one', netns);
  });
  after(async () => {
    await notices.unfollow('one');
    await netns.remove();
  });

  for (const [what, words] of [
    ['an MTU', 'link set green mtu 1300'],
    ['a MAC', 'link set green address 02:00:00:00:00:77'],
    ['a route', 'route del 10.2.0.0/16'],
    ['an address', 'address delete 10.1.1.1/24 dev green'],
    ['a link that is down', 'link set green down'],
    ["the parent's MTU", 'link set eth0 mtu 1400'],
    ['a link that goes', 'link delete green'],
  ] as const) {
    it(`tells of ${what} within a second`, async () => {
      await quiet('one');
      const { tookMs, links } = await toldAfter('one', () => change(netns, words));
      assert.ok(links);
      assert.ok(tookMs < AT_ONCE_MS, `${what} was told after ${Math.round(tookMs)} ms`);
    });
    if (words === 'link set green mtu 1300')
      it('tells of a forwarding entry and a static neighbour that go, as what they are', async () => {
        for (const words of [
          [BRIDGE, 'fdb', 'del', '00:00:00:00:00:00', 'dev', 'green', 'dst', '10.244.1.6'],
          [IP, 'neighbour', 'del', '10.1.1.4', 'dev', 'green'],
        ]) {
          await quiet('one');
          const { tookMs, links, forwarding } = await toldAfter('one', () => netns.exec(words));
          assert.deepEqual({ links, forwarding }, { links: false, forwarding: true });
          assert.ok(tookMs < AT_ONCE_MS);
        }
      });
  }
});

describe('what is not told', () => {
  it('is what podwire does itself, and what the kernel says of it later', async () => {
    let node: NodeUnderTest | undefined;
    try {
      node = createNode(undefined, 'off', thread);
      const pod: Pod = await node.pod();
      await follow('own', pod.netns);
      const result = await node.ensure(await pod.intend());
      const attached = await pod.intend({}, { phase: 'attached', result });
      node.store.join({ ...attached.value, podUid: 'other', vtep: '10.244.1.9' });
      await node.sync();
      await pod.netns.exec([IP, 'link', 'show']);
      await node.remove(await pod.intend({}, { ...attached.value, phase: 'removing', generation: 2 }));
      await quiet('own');
      assert.deepEqual(toldOf('own'), []);
      await toldAfter('own', () => change(pod.netns, 'link set eth0 mtu 1400'));
    } finally {
      await notices.unfollow('own');
      await node?.close();
    }
  });

  it('is what other processes do for podwire, while what was there before and comes after is', async () => {
    const where = await namespace();
    await follow('held', where);
    await notices.asOwn('held', () => change(where, 'link add dummy0 type bridge'));
    await quiet('held');
    assert.deepEqual(toldOf('held'), []);
    await toldAfter('held', () => change(where, 'link delete dummy0'));
    await notices.unfollow('held');
  });

  it("is a pod's talk: neighbours that are found, and addresses and routes that are added", async () => {
    const where = await namespace();
    await follow('talk', where);
    const neighbours = Array.from(
      { length: 200 },
      (_unused, at) => `neighbour replace 10.244.1.${at + 10} lladdr 02:00:00:00:00:01 dev eth0 nud reachable`,
    );
    await where.exec([IP, '-batch', '-'], {
      input: [...neighbours, 'address add 10.9.9.9/32 dev eth0', 'route add 10.8.0.0/16 via 10.244.1.9', ''].join('\n'),
    });
    await quiet('talk');
    assert.deepEqual(toldOf('talk'), []);
    await notices.unfollow('talk');
  });
});

describe('a pod that flaps a link as fast as it can', () => {
  it('is told of once a second, and others are heard in time', async () => {
    const [wild, calm] = [await namespace(), await namespace()];
    await change(wild, 'link add dummy0 type bridge');
    await follow('wild', wild);
    await follow('calm', calm);
    const cpu = threadCpuMs();
    const child = flap(wild);
    const startedAt = performance.now();
    const { tookMs } = await toldAfter('calm', () => change(calm, 'link set eth0 mtu 1400'));
    assert.ok(tookMs < AT_ONCE_MS, `another one was told after ${Math.round(tookMs)} ms`);
    await until('three seconds of it', () => performance.now() - startedAt > 3_000);
    const count = toldOf('wild').length;
    end(child);
    process.stdout.write(
      `flapping: ${count} notices in 3 s, ${(threadCpuMs() - cpu).toFixed(0)} ms of CPU time of this process\n`,
    );
    assert.ok(count >= 2 && count <= 4, `${count} notices`);
    assert.ok(
      toldOf('wild').some((each) => each.links && each.forwarding),
      'what was lost may have been anything',
    );
    await notices.unfollow('wild');
    await notices.unfollow('calm');
  });
});

describe('a namespace that is not followed any more', () => {
  it('ends with its file, and does not while it is followed', async () => {
    const where = await namespace();
    // A device is where its namespace's end shows: the other end of the veth goes with it.
    await change(where, `link add pw-end0 type veth peer name pw-end1 netns 1`);
    await notices.follow({ sandboxId: 'gone', netns: await where.identity() });
    await where.remove();
    assert.ok(hasLink('pw-end1'));
    await notices.unfollow('gone');
    await until('the namespace to end', () => !hasLink('pw-end1'));
  });

  it('is followed again when another one took its place', async () => {
    const where = await namespace();
    await notices.follow({ sandboxId: 'again', netns: await where.identity() });
    const before = await where.identity();
    await where.replace();
    await assert.rejects(notices.follow({ sandboxId: 'again', netns: before }), { code: 'SandboxChanged' });
    await follow('again', where);
    await toldAfter('again', () => change(where, 'link set eth0 mtu 1400'));
    await notices.unfollow('again');
  });
});

const hasLink = (name: string): boolean => readFileSync('/proc/net/dev', 'utf8').includes(`${name}:`);

/** CPU time of all threads of this process, milliseconds. */
function threadCpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

/** Thousands of changes a second. */
function flap(where: TestNetns): ChildProcess {
  const endless = 'while :; do echo link set dummy0 up; echo link set dummy0 down; done';
  const script = `${endless} | nsenter --net=${where.path} ${IP} -batch -`;
  const child = spawn(SHELL, ['-c', script], { stdio: 'ignore', detached: true });
  children.push(child);
  return child;
}

/** With its pipeline, which is a group of its own. */
function end({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}
