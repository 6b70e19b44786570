/** ADD, DEL, CHECK, GC and STATUS of the primary network: the real executable, the real node worker, the real kernel; etcd, Temporal, API and runtime away. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { errorOf } from '../cni-server/served.ts';
import type { Said } from '../cni-server/executable.ts';
import type { TestNetns } from './namespace.ts';
import { emptyNetns, startPrimaryNode, type PrimaryNode } from './primary-node.ts';

const IP = '/usr/sbin/ip';
let node: PrimaryNode;
const pods: TestNetns[] = [];
before(async () => {
  node = await startPrimaryNode(['10.7.3.0/24', 'fd00:7:3::/64']);
  for (let count = 0; count < 3; count += 1) pods.push(await emptyNetns());
});
after(async () => {
  for (const pod of pods) await pod.remove();
  await node.stop();
});

interface Result {
  readonly interfaces: readonly { readonly name: string; readonly mac: string; readonly sandbox?: string }[];
  readonly ips: readonly { readonly address: string; readonly gateway: string; readonly version?: string }[];
  readonly routes: readonly { readonly dst: string; readonly gw: string }[];
}

function resultOf(said: Said): Result {
  assert.equal(said.code, 0, said.stdout + said.stderr);
  return JSON.parse(said.stdout) as Result;
}
const podAt = (index: number): TestNetns => pods[index] ?? assert.fail(String(index));
const addressOf = ({ ips }: Result, index = 0): string => ips[index]?.address.split('/')[0] ?? assert.fail();
const hostLinks = async (): Promise<string[]> =>
  (JSON.parse(await node.netns.exec([IP, '-j', 'link'])) as { ifname: string }[])
    .map(({ ifname }) => ifname)
    .filter((name) => name.startsWith('pwp'))
    .sort();
const living = (): string[] => {
  const names = readdirSync(join(node.dir, 'leases')).filter((name) => !name.startsWith('.'));
  return names.map((name) => name.split('~')[0] ?? '');
};

test('two pods of a node reach each other and their node, and everybody else is away', async () => {
  const [a, b] = [
    resultOf(await node.call('ADD', 'a', podAt(0))),
    resultOf(await node.call('ADD', 'b', podAt(1), { config: { cniVersion: '0.4.0' } })),
  ];
  assert.deepEqual(a.routes, [
    { dst: '0.0.0.0/0', gw: '10.7.3.1' },
    { dst: '::/0', gw: 'fd00:7:3::1' },
  ]);
  assert.deepEqual(
    a.interfaces.map(({ name, sandbox }) => [name, sandbox]),
    [
      [(await hostLinks())[0], undefined],
      ['eth0', podAt(0).path],
    ],
  );
  assert.deepEqual(
    b.ips.map(({ version }) => version),
    ['4', '6'],
  );
  for (const family of [0, 1])
    for (const target of [addressOf(b, family), a.ips[family]?.gateway ?? ''])
      await podAt(0).exec(['/usr/bin/ping', '-c1', '-W2', target]);
  await node.netns.exec(['/usr/bin/ping', '-c1', '-W2', addressOf(a)]);
  assert.equal((await node.call('STATUS', 'a', podAt(0))).code, 0);
  for (const [name, pod] of [
    ['a', podAt(0)],
    ['b', undefined],
  ] as const)
    assert.equal((await node.call('DEL', name, pod)).code, 0);
  assert.deepEqual(await hostLinks(), []);
});

test('the node forwards what its pods send', async () => {
  for (const path of ['ipv4/ip_forward', 'ipv6/conf/all/forwarding'])
    assert.equal((await node.netns.exec(['/usr/bin/cat', `/proc/sys/net/${path}`])).trim(), '1');
});

test('CHECK says what is not there any more, and ADD makes it again', async () => {
  const first = resultOf(await node.call('ADD', 'c', podAt(0)));
  assert.equal((await node.call('CHECK', 'c', podAt(0))).code, 0);
  await podAt(0).exec([IP, 'route', 'delete', 'default']);
  assert.match(errorOf(await node.call('CHECK', 'c', podAt(0))).msg, /route 0\.0\.0\.0\/0 via 10\.7\.3\.1 of eth0/);
  assert.deepEqual(resultOf(await node.call('ADD', 'c', podAt(0))), first);
  assert.equal((await node.call('CHECK', 'c', podAt(0))).code, 0);
  assert.equal((await node.call('DEL', 'c', podAt(0))).code, 0);
});

test('a worker that is killed during an ADD leaves nothing that the next ADD does not complete, with the same address', async () => {
  for (const ms of [0, 15, 30, 60]) {
    const before = resultOf(await node.call('ADD', `k${ms}`, podAt(0)));
    const adding = node.call('ADD', `l${ms}`, podAt(1));
    await new Promise((resolve) => setTimeout(resolve, ms));
    await node.kill();
    const said = await adding;
    await node.start();
    const again = resultOf(await node.call('ADD', `l${ms}`, podAt(1)));
    if (said.code === 0) assert.deepEqual(again, JSON.parse(said.stdout));
    assert.deepEqual(resultOf(await node.call('ADD', `k${ms}`, podAt(0))), before);
    await podAt(1).exec(['/usr/bin/ping', '-c1', '-W2', addressOf(before)]);
    for (const [name, pod] of [
      [`k${ms}`, podAt(0)],
      [`l${ms}`, podAt(1)],
    ] as const)
      assert.equal((await node.call('DEL', name, pod)).code, 0);
    assert.deepEqual(await hostLinks(), []);
  }
});

test('GC gives back what the runtime does not name', async () => {
  resultOf(await node.call('ADD', 'g', podAt(0)));
  const kept = resultOf(await node.call('ADD', 'h', podAt(1)));
  const valid = { 'cni.dev/valid-attachments': [{ containerID: 'h', ifname: 'eth0' }] };
  assert.equal((await node.call('GC', 'g', podAt(0), { config: valid })).code, 0);
  assert.deepEqual(await hostLinks(), [kept.interfaces[0]?.name]);
  assert.equal((await node.call('DEL', 'h', podAt(1))).code, 0);
});

test('a result of another plugin is refused in an ADD, and so is a mode that is none', async () => {
  const chained = errorOf(await node.call('ADD', 'p', podAt(0), { config: { prevResult: { ips: [] } } }));
  assert.deepEqual([chained.code, /prevResult is .*allowed: none/.test(chained.msg)], [7, true]);
  const other = errorOf(await node.call('ADD', 'p', podAt(0), { config: { mode: 'second' } }));
  assert.deepEqual([other.code, /mode is "second"; allowed: "chained" or "primary"/.test(other.msg)], [7, true]);
  assert.ok(!living().includes('p'));
});

test('whatever the order of calls, a pod is whole behind its ADD and nothing of it is left behind its DEL', async () => {
  const step = fc.record({ command: fc.constantFrom('ADD', 'ADD', 'DEL', 'CHECK'), pod: fc.nat({ max: 2 }) });
  let round = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 10 }), async (steps) => {
      round += 1;
      const added = new Map<number, Result>();
      for (const { command, pod } of steps) {
        const said = await node.call(command, `r${round}-${pod}`, podAt(pod));
        const known = added.get(pod);
        if (command === 'CHECK') assert.equal(said.code === 0, known !== undefined, said.stdout);
        else if (command === 'DEL') added.delete(pod);
        else added.set(pod, known ?? resultOf(said));
        if (command === 'ADD') assert.deepEqual(resultOf(said), added.get(pod));
        assert.deepEqual(await hostLinks(), [...added.values()].map(({ interfaces }) => interfaces[0]?.name).sort());
        assert.equal(new Set([...added.values()].map((each) => addressOf(each))).size, added.size);
      }
      for (const pod of added.keys()) assert.equal((await node.call('DEL', `r${round}-${pod}`, podAt(pod))).code, 0);
    }),
    { numRuns: 5, endOnFailure: true },
  );
});
