/** ADD, DEL, CHECK, GC and STATUS of the primary network: the real executable, the real node worker, the real kernel; etcd, Temporal, API and runtime away. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, watch } from 'node:fs';
import { join } from 'node:path';
import { after, before, test, type TestContext } from 'node:test';
import fc from 'fast-check';
import { errorOf } from '../cni-server/served.ts';
import type { Said } from '../cni-server/executable.ts';
import { untilAsked, within } from '../workflows/limits.ts';
import type { TestNetns } from './namespace.ts';
import { peerOf, tellPeers } from './peer.ts';
import { emptyNetns, resultOf, startPrimaryNode, type PrimaryNode, type Result } from './primary-node.ts';

const IP = '/usr/sbin/ip';
let node: PrimaryNode;
before(async () => {
  node = await startPrimaryNode(['10.7.3.0/24', 'fd00:7:3::/64']);
});
after(() => node.stop());

const addressOf = ({ ips }: Result, index = 0): string => ips[index]?.address.split('/')[0] ?? assert.fail();
const isDone = ({ code, stdout }: Said): void => assert.equal(code, 0, stdout);
const hostLinks = async (): Promise<string[]> =>
  (JSON.parse(await node.netns.exec([IP, '-j', 'link'])) as { ifname: string }[])
    .map(({ ifname }) => ifname)
    .filter((name) => name.startsWith('pwp'))
    .sort();
const leasesOf = (): string[] => readdirSync(join(node.dir, 'leases')).filter((name) => !name.startsWith('.'));

/** A namespace for each name. They go behind the test, and whatever the node still has of them. */
async function podsOf<N extends string>(t: TestContext, ...names: readonly N[]): Promise<Record<N, TestNetns>> {
  const pods: [N, TestNetns][] = [];
  t.after(async () => {
    await node.start();
    for (const [name, pod] of pods) {
      await node.call('DEL', name, undefined);
      await pod.remove();
    }
  });
  for (const name of names) pods.push([name, await emptyNetns()]);
  return Object.fromEntries(pods) as Record<N, TestNetns>;
}

test('two pods of a node reach each other and their node, and everybody else is away', async (t) => {
  const pods = await podsOf(t, 'a', 'b');
  for (const place of [node.netns, pods.b]) {
    const end = tellPeers(place);
    t.after(end);
  }
  const a = resultOf(await node.call('ADD', 'a', pods.a));
  const b = resultOf(await node.call('ADD', 'b', pods.b, { config: { cniVersion: '0.4.0' } }));
  assert.deepEqual(a.routes, [
    { dst: '0.0.0.0/0', gw: '10.7.3.1' },
    { dst: '::/0', gw: 'fd00:7:3::1' },
  ]);
  assert.deepEqual(
    a.interfaces.map(({ name, sandbox }) => [name, sandbox]),
    [
      [(await hostLinks())[0], undefined],
      ['eth0', pods.a.path],
    ],
  );
  assert.deepEqual(
    b.ips.map(({ version }) => version),
    ['4', '6'],
  );
  for (const family of [0, 1]) {
    const gateway = a.ips[family]?.gateway ?? '';
    assert.equal(await peerOf(pods.a, addressOf(b, family)), addressOf(a, family));
    assert.equal(await peerOf(pods.a, gateway), addressOf(a, family));
    assert.equal(await peerOf(node.netns, addressOf(b, family)), gateway);
  }
  isDone(await node.call('STATUS', 'a', pods.a));
  isDone(await node.call('DEL', 'a', pods.a));
  isDone(await node.call('DEL', 'b', undefined));
  isDone(await node.call('DEL', 'b', undefined));
  assert.deepEqual(await hostLinks(), []);
  assert.deepEqual(await pods.a.exec([IP, '-o', 'link', 'show', 'type', 'veth']), '');
});

test('the runtime is told of the network when pods can have addresses, and not before', async (t) => {
  const file = join(node.configurations, '10-podwire.conflist');
  await untilAsked('the configuration is there', async () => existsSync(file));
  const { plugins } = JSON.parse(readFileSync(file, 'utf8')) as { plugins: { type: string; mode?: string }[] };
  assert.deepEqual([plugins[0]?.type, plugins[0]?.mode], ['podwire-cni', 'primary']);
  const nameless = await startPrimaryNode(undefined);
  t.after(() => nameless.stop());
  const pod = await emptyNetns();
  t.after(() => pod.remove());
  const refused = errorOf(await nameless.call('ADD', 'x', pod));
  assert.deepEqual([refused.code, /no pod can have an address here/.test(refused.msg)], [11, true]);
  assert.deepEqual(readdirSync(nameless.configurations), []);
});

test('the node forwards what its pods send', async () => {
  for (const path of ['ipv4/ip_forward', 'ipv6/conf/all/forwarding'])
    assert.equal((await node.netns.exec(['/usr/bin/cat', `/proc/sys/net/${path}`])).trim(), '1');
});

test('CHECK says what is not there any more, and ADD makes it again', async (t) => {
  const { c } = await podsOf(t, 'c');
  assert.match(errorOf(await node.call('CHECK', 'c', c)).msg, /container c has no address of this node/);
  const first = resultOf(await node.call('ADD', 'c', c));
  isDone(await node.call('CHECK', 'c', c));
  await c.exec([IP, 'route', 'delete', 'default']);
  const missing = errorOf(await node.call('CHECK', 'c', c));
  assert.deepEqual([missing.code, missing.msg], [100, 'not there: the route to 0.0.0.0/0 on eth0 of the pod']);
  assert.deepEqual(resultOf(await node.call('ADD', 'c', c)), first);
  isDone(await node.call('CHECK', 'c', c));
});

/** What a node does for an ADD, one after the other: its lease, then each of these in its kernel. */
const MOMENTS = ['lease', 'link', 'neigh', 'route', 'answer'] as const;

test('a worker that is killed during an ADD leaves nothing that the next ADD does not complete, with the same address', async (t) => {
  const { k, l } = await podsOf(t, 'k', 'l');
  t.after(tellPeers(k));
  const before = resultOf(await node.call('ADD', 'k', k));
  const comes = await momentsOf(t);
  for (const moment of MOMENTS) {
    const known = new Set(leasesOf());
    const reached = moment === 'answer' ? undefined : comes(moment);
    const adding = node.call('ADD', 'l', l);
    await within<unknown>(`${moment} of an ADD`, reached ?? adding);
    await node.kill();
    const said = await adding;
    const [lease, ...more] = leasesOf().filter((name) => !known.has(name));
    assert.deepEqual([typeof lease, more], ['string', []], moment);
    await node.start();
    const again = resultOf(await node.call('ADD', 'l', l));
    if (said.code === 0) assert.deepEqual(again, JSON.parse(said.stdout), moment);
    assert.deepEqual(
      leasesOf().filter((name) => !known.has(name)),
      [lease],
      moment,
    );
    isDone(await node.call('CHECK', 'l', l));
    assert.deepEqual(resultOf(await node.call('ADD', 'k', k)), before);
    assert.equal(await peerOf(l, addressOf(before)), addressOf(again), moment);
    isDone(await node.call('DEL', 'l', l));
    assert.deepEqual(await hostLinks(), [before.interfaces[0]?.name], moment);
  }
});

type Moment = (typeof MOMENTS)[number];

/** What happens on the node from now on. The promise that is handed out is fulfilled when that moment comes. */
async function momentsOf(t: TestContext): Promise<(moment: Exclude<Moment, 'answer'>) => Promise<void>> {
  const waiting = new Map<string, () => void>();
  const come = (moment: string): void => waiting.get(moment)?.();
  const watcher = watch(join(node.dir, 'leases'), (_, name) => {
    if (name?.startsWith('.') === false) come('lease');
  });
  t.after(() => watcher.close());
  // One socket hears all of them: it hears routes as soon as it hears of a link.
  const argv = [`--net=${node.netns.path}`, IP, '-o', 'monitor', 'label', 'link', 'neigh', 'route'];
  const monitor = spawn('/usr/bin/nsenter', argv, { stdio: ['ignore', 'pipe', 'ignore'] });
  t.after(() => void monitor.kill('SIGKILL'));
  let hears = false;
  monitor.stdout.on('data', (said: Buffer) => {
    hears = true;
    for (const line of said.toString().split('\n'))
      if (line.includes('pwp')) come(/^\[(LINK|NEIGH|ROUTE)\]/.exec(line)?.[1]?.toLowerCase() ?? '');
  });
  let times = 0;
  await untilAsked('ip monitor hears', async () => {
    await node.netns.exec([IP, 'link', 'set', 'lo', 'alias', `heard-${(times += 1)}`]);
    return hears;
  });
  return (moment) =>
    new Promise((resolve) => {
      waiting.clear();
      waiting.set(moment, resolve);
    });
}

test('GC gives back what the runtime does not name', async (t) => {
  const { g, h } = await podsOf(t, 'g', 'h');
  resultOf(await node.call('ADD', 'g', g));
  const kept = resultOf(await node.call('ADD', 'h', h));
  const valid = { 'cni.dev/valid-attachments': [{ containerID: 'h', ifname: 'eth0' }] };
  isDone(await node.call('GC', 'g', g, { config: valid }));
  assert.deepEqual(await hostLinks(), [kept.interfaces[0]?.name]);
  isDone(await node.call('CHECK', 'h', h));
  assert.equal((await node.call('CHECK', 'g', g)).code, 1);
});

test('programs of the node are told of its pods', async (t) => {
  const { q } = await podsOf(t, 'q');
  const { interfaces, ips } = resultOf(await node.call('ADD', 'q', q));
  const [hostInterface, name] = interfaces.map((each) => each.name);
  const addresses = ips.map(({ address }) => address.split('/')[0]);
  const [status, pod] = await node.get(`/contiv/v1/interfaces/${hostInterface}`);
  const { containerID, interfaces: own } = pod as { containerID: string; interfaces: unknown };
  assert.deepEqual([status, containerID, own], [200, 'q', [{ name, hostInterface, addresses }]]);
  assert.deepEqual(await node.get('/contiv/v1/pod-subnets'), [200, { podSubnets: ['10.7.3.0/24', 'fd00:7:3::/64'] }]);
  assert.deepEqual((await node.get('/contiv/v1/ipam'))[0], 404);
  isDone(await node.call('DEL', 'q', q));
  assert.deepEqual((await node.get(`/contiv/v1/interfaces/${hostInterface}`))[0], 404);
});

test('a result of another plugin is refused in an ADD, and so is a mode that is none', async (t) => {
  const { p } = await podsOf(t, 'p');
  const known = leasesOf();
  const chained = errorOf(await node.call('ADD', 'p', p, { config: { prevResult: { ips: [] } } }));
  assert.deepEqual([chained.code, /prevResult is .*allowed: none/.test(chained.msg)], [7, true]);
  const other = errorOf(await node.call('ADD', 'p', p, { config: { mode: 'second' } }));
  assert.deepEqual([other.code, /mode is "second"; allowed: "chained" or "primary"/.test(other.msg)], [7, true]);
  assert.deepEqual(leasesOf(), known);
});

test('whatever the order of calls, a pod is whole behind its ADD and nothing of it is left behind its DEL', async (t) => {
  const step = fc.record({
    command: fc.constantFrom('ADD', 'ADD', 'DEL', 'CHECK'),
    pod: fc.constantFrom('r0', 'r1', 'r2'),
  });
  const pods = await podsOf(t, 'r0', 'r1', 'r2');
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 10 }), async (steps) => {
      const added = new Map<string, Result>();
      for (const { command, pod } of steps) {
        const said = await node.call(command, pod, pods[pod]);
        const known = added.get(pod);
        if (command === 'CHECK') assert.equal(said.code === 0, known !== undefined, said.stdout);
        else if (command === 'ADD') {
          added.set(pod, known ?? resultOf(said));
          assert.deepEqual(resultOf(said), added.get(pod));
        } else {
          isDone(said);
          added.delete(pod);
        }
        assert.deepEqual(await hostLinks(), [...added.values()].map(({ interfaces }) => interfaces[0]?.name).sort());
        assert.equal(new Set([...added.values()].map((each) => addressOf(each))).size, added.size);
      }
      for (const pod of added.keys()) isDone(await node.call('DEL', pod, undefined));
    }),
    { numRuns: 5, endOnFailure: true },
  );
});
