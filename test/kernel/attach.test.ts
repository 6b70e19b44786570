import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ipLine } from '../../adapters/iproute/lines.ts';
import { temporaryName } from '../../adapters/host/temporary-name.ts';
import { PodwireError, type FailureCode } from '../../domain/failures.ts';
import { planLink, type DesiredLink } from '../../domain/vxlan/link-plan.ts';
import type { VxlanAttachmentRecord } from '../../domain/records.ts';
import { cidrs, createNode, destinations, type NodeUnderTest, type Pod } from './node-under-test.ts';

let node: NodeUnderTest;
before(() => {
  node = createNode();
});
after(() => node.close());

const fails = (code: FailureCode, text: RegExp) => (error: unknown) => {
  assert.ok(error instanceof PodwireError, String(error));
  assert.equal(error.code, code, error.message);
  assert.match(error.message, text);
  return true;
};

const IP = '/usr/sbin/ip';
const FOREIGN = ['link', 'add', 'name', 'green', 'type', 'vxlan', 'id', '4711', 'dstport', '8472', 'dev', 'eth0'];
const vxlans = async (pod: Pod): Promise<string[]> =>
  (await pod.view()).links.filter(({ kind }) => kind === 'vxlan').map(({ name }) => name);

test('an attach makes the link with its alias, MTU, address and route, up and deaf to router advertisements', async () => {
  const pod = await node.pod();
  const result = await node.ensure(await pod.intend());
  const link = await pod.link();
  assert.ok(link);
  assert.equal(link.alias, `podwire:${pod.uid}:1`);
  assert.equal(link.mtu, 1450);
  assert.equal(link.up, true);
  assert.deepEqual(link.vxlan, { vni: 4711, dstPort: 8472, parent: 'eth0', family: 4, learning: false });
  assert.deepEqual(cidrs(link), ['192.168.11.2/29']);
  assert.deepEqual((await pod.view()).routes, [
    { destination: '192.168.12.0/29', gateway: '192.168.11.1', link: 'green' },
  ]);
  assert.equal((await pod.netns.exec(['/usr/sbin/sysctl', '-n', 'net.ipv6.conf.green.accept_ra'])).trim(), '0');
  assert.deepEqual(result, {
    ...{ ifindex: link.ifindex, mac: link.mac, mtu: 1450, addresses: ['192.168.11.2/29'] },
    ...{ adopted: false, before: 'absent' },
  });
});

test('a second attach changes nothing and returns the same result', async () => {
  const pod = await node.pod();
  const stored = await pod.intend({ addresses: ['192.168.11.2/29', 'fd00:11::2/64'] });
  const first = await node.ensure(stored);
  assert.deepEqual(await node.ensure(stored), first);
  assert.deepEqual(await vxlans(pod), ['green']);
});

test('a link name with a dot, IPv6 addresses, an IPv6 route, down, and a small MTU are carried out', async () => {
  const pod = await node.pod();
  await node.ensure(
    await pod.intend({
      interfaceName: 'blue.7',
      vni: 7,
      mtu: 1300,
      addresses: ['fd00:11::2/64'],
      routes: [{ destination: 'fd00:12::/64', gateway: 'fd00:11::1' }],
    }),
  );
  assert.equal((await pod.link('blue.7'))?.mtu, 1300);
  assert.deepEqual((await pod.view()).routes, [{ destination: 'fd00:12::/64', gateway: 'fd00:11::1', link: 'blue.7' }]);
  assert.equal((await pod.netns.exec(['/usr/sbin/sysctl', '-n', 'net/ipv6/conf/blue.7/accept_ra'])).trim(), '0');
  await node.ensure(await pod.intend({ interfaceName: 'off', vni: 8, up: false }));
  assert.equal((await pod.link('off'))?.up, false);
});

test('a pod with an IPv6 tunnel address gets an IPv6 tunnel with the smaller MTU', async () => {
  const pod = await node.pod();
  await node.ensure(await pod.intend({}, { vtep: 'fd00:244::5' }));
  const link = await pod.link();
  assert.equal(link?.mtu, 1430);
  assert.equal(link?.vxlan?.family, 6);
});

test('without IPv6 in the netns an attach works all the same', async () => {
  const pod = await node.pod();
  await pod.netns.exec(['/usr/sbin/sysctl', '-qw', 'net.ipv6.conf.all.disable_ipv6=1']);
  await node.ensure(await pod.intend());
  assert.equal((await pod.link())?.up, true);
});

test('whichever line a crash comes after, the next attach leaves exactly one complete link', async () => {
  const pod = await node.pod();
  const stored = await pod.intend({ addresses: ['192.168.11.2/29', 'fd00:11::2/64'] });
  const desired = desiredOf(stored.value);
  const plan = planLink(await pod.view(), desired);
  assert.equal(plan.kind, 'create');
  const lines = 'prepare' in plan ? [...plan.prepare, ...plan.activate].map(ipLine) : [];
  assert.ok(lines.length >= 7);
  for (let done = 1; done <= lines.length; done += 1) {
    await pod.netns.exec([IP, '-batch', '-'], { input: `${lines.slice(0, done).join('\n')}\n` });
    await node.ensure(stored);
    assert.deepEqual(await vxlans(pod), ['green'], `after line ${done}`);
    const link = await pod.link();
    assert.equal(link?.up, true);
    assert.equal(link?.alias, `podwire:${pod.uid}:1`);
    assert.deepEqual(cidrs(link), ['192.168.11.2/29', 'fd00:11::2/64']);
    assert.equal((await pod.view()).routes.length, 1);
    await pod.netns.exec([IP, 'link', 'delete', 'green']);
  }
});

test('a removal clears whatever a crashed attach left, at every line', async () => {
  const pod = await node.pod();
  const stored = await pod.intend();
  const plan = planLink(await pod.view(), desiredOf(stored.value));
  const lines = 'prepare' in plan ? [...plan.prepare, ...plan.activate].map(ipLine) : [];
  for (let done = 0; done <= lines.length; done += 1) {
    if (done > 0) await pod.netns.exec([IP, '-batch', '-'], { input: `${lines.slice(0, done).join('\n')}\n` });
    const outcome = await node.remove(await pod.intend({}, { phase: 'removing', generation: 2 }));
    assert.deepEqual(outcome, { outcome: done === 0 ? 'absent' : 'removed' });
    assert.deepEqual(await vxlans(pod), []);
  }
});

const desiredOf = (record: VxlanAttachmentRecord): DesiredLink => ({
  ...{ link: record.link, podUid: record.podUid, generation: record.generation, vtep: record.vtep },
  temporaryName: temporaryName(record.podUid, record.interfaceName),
});

test('two attaches of one sandbox at once leave one link; the one that waits too long, or comes besides, is told so', async () => {
  const pod = await node.pod();
  const stored = await pod.intend();
  const outcomes = await Promise.allSettled([node.ensure(stored), node.ensure(stored), node.ensure(stored)]);
  assert.ok(outcomes.some(({ status }) => status === 'fulfilled'));
  for (const outcome of outcomes)
    if (outcome.status === 'rejected') fails('SandboxBusy', /200 ms|no more at once/)(outcome.reason);
  assert.deepEqual(await vxlans(pod), ['green']);
});

test('a changed MTU, address or route of ours is adjusted in place', async () => {
  const pod = await node.pod();
  const first = await node.ensure(await pod.intend());
  const stored = await pod.intend(
    {
      mtu: 1400,
      addresses: ['192.168.11.3/29', '192.168.11.4/29'],
      routes: [{ destination: '192.168.13.0/29', gateway: '192.168.11.1' }],
    },
    { generation: 2 },
  );
  const second = await node.ensure(stored);
  assert.equal(second.ifindex, first.ifindex);
  assert.equal(second.mtu, 1400);
  assert.deepEqual(cidrs(await pod.link()), ['192.168.11.3/29', '192.168.11.4/29']);
  assert.deepEqual(
    (await pod.view()).routes.map(({ destination }) => destination),
    ['192.168.13.0/29'],
  );
  assert.equal((await pod.link())?.alias, `podwire:${pod.uid}:2`);
});

for (const [whose, aliasEnd] of [
  ['ours', ''],
  ['an adopted one', ':adopted'],
] as const) {
  test(`an edit that the kernel refuses leaves the link, ${whose}, and the way back leaves nothing of the edit`, async () => {
    const pod = await node.pod();
    if (whose !== 'ours') await pod.netns.exec([IP, ...FOREIGN, 'nolearning']);
    const first = await node.ensure(await pod.intend());
    const before = await pod.view();
    const edits = [
      { mtu: 9000 },
      { routes: [{ destination: '10.9.0.0/16', gateway: '172.16.0.1' }] },
      { vni: 4712, routes: [{ destination: '10.9.0.0/16', gateway: '172.16.0.1' }] },
    ];
    for (const [index, edit] of edits.entries()) {
      const generation = 2 + 2 * index;
      await assert.rejects(node.ensure(await pod.intend(edit, { generation })), fails('InvalidLink', /green/));
      const back = await node.ensure(await pod.intend({}, { generation: generation + 1, result: first }));
      const isSame = !('vni' in edit);
      if (isSame) assert.deepEqual(back, first);
      const { links, routes } = await pod.view();
      const link = links.find(({ name }) => name === 'green');
      assert.equal(link?.alias, `podwire:${pod.uid}:${generation + 1}${isSame ? aliasEnd : ''}`);
      assert.deepEqual([cidrs(link), link?.mtu, link?.up, link?.vxlan?.vni], [['192.168.11.2/29'], 1450, true, 4711]);
      assert.deepEqual(routes, before.routes);
      assert.deepEqual(await vxlans(pod), ['green']);
    }
  });
}

test('a changed VNI, port or parent of ours is a new link under the old name', async () => {
  const pod = await node.pod();
  const first = await node.ensure(await pod.intend());
  const second = await node.ensure(await pod.intend({ vni: 4712 }, { generation: 2 }));
  assert.notEqual(second.ifindex, first.ifindex);
  await pod.netns.exec([IP, 'address', 'add', '10.9.0.1/24', 'dev', 'far0']);
  await node.ensure(await pod.intend({ vni: 4712, parent: 'far0' }, { generation: 3 }));
  const link = await pod.link();
  assert.equal(link?.vxlan?.vni, 4712);
  assert.equal(link?.vxlan?.parent, 'far0');
  assert.deepEqual(await vxlans(pod), ['green']);
});

test('a link with a changed VNI is made beside the old one and filled before it takes its place', async () => {
  const pod = await node.pod();
  const first = await node.ensure(await pod.intend());
  node.store.members.push({
    ...{ v: 1, podUid: 'x', node: 'n2', sandboxId: 's', interfaceName: 'green', generation: 1, mac: '', addresses: [] },
    ...{ vtep: '10.244.2.7', network: 'cluster/green' },
  });
  const seen: string[] = [];
  const { failpoints } = node.deps;
  failpoints.hit = async (name) => {
    if (name !== 'ensureVxlanLink:before-up') return;
    const { links } = await pod.view();
    for (const { name: link, ifindex, up, vxlan } of links.filter(({ kind }) => kind === 'vxlan')) {
      const targets = destinations(await pod.fdb(link));
      seen.push(
        `${ifindex === first.ifindex ? 'old' : 'new'} ${vxlan?.vni} ${up ? 'up' : 'down'} ${targets.join(' ')}`,
      );
    }
  };
  const second = await node.ensure(await pod.intend({ vni: 4712 }, { generation: 2 }));
  failpoints.hit = async () => undefined;
  node.store.members = [];
  assert.deepEqual(seen, ['old 4711 up ', 'new 4712 down 10.244.2.7']);
  assert.deepEqual(await vxlans(pod), ['green']);
  assert.equal((await pod.link())?.ifindex, second.ifindex);
  assert.deepEqual(cidrs(await pod.link()), ['192.168.11.2/29']);
  assert.equal((await pod.view()).routes.length, 1);
});

test("a link that is the same but nobody's is adopted, keeps what it had, and goes when the network is no longer wanted", async () => {
  const pod = await node.pod();
  await pod.netns.exec([IP, ...FOREIGN, 'nolearning']);
  await pod.netns.exec([IP, 'address', 'add', '10.5.5.5/24', 'dev', 'green']);
  const before = await pod.link();
  const stored = await pod.intend();
  const result = await node.ensure(stored);
  assert.equal(result.ifindex, before?.ifindex);
  assert.equal(result.adopted, true);
  assert.equal(result.before, 'foreign-compatible');
  assert.deepEqual(cidrs(await pod.link()), ['10.5.5.5/24', '192.168.11.2/29']);
  assert.deepEqual(await node.ensure(stored), result);
  const removal = await pod.intend({}, { phase: 'removing', generation: 2, result });
  assert.deepEqual(await node.remove(removal), { outcome: 'removed' });
  assert.deepEqual(await vxlans(pod), []);
});

test('the undo of a failed attach gives an adopted link back', async () => {
  const pod = await node.pod();
  await pod.netns.exec([IP, ...FOREIGN, 'nolearning']);
  await node.ensure(await pod.intend());
  const removal = await pod.intend({}, { phase: 'removing', generation: 2 });
  assert.deepEqual(await node.remove(removal), { outcome: 'released' });
  const link = await pod.link();
  assert.ok(link);
  assert.equal(link.alias, undefined);
  assert.deepEqual(await node.remove(removal), { outcome: 'foreign' });
});

test('a foreign link under the wished name is a conflict that says what is there, and stays', async () => {
  const pod = await node.pod();
  await pod.netns.exec([IP, ...FOREIGN.map((word) => (word === '4711' ? '99' : word)), 'nolearning']);
  const before = await pod.link();
  await assert.rejects(
    node.ensure(await pod.intend()),
    fails('LinkConflict', /green \(vxlan, VNI 99, port 8472, over eth0\)/),
  );
  assert.deepEqual(await node.remove(await pod.intend({}, { phase: 'removing', generation: 2 })), {
    outcome: 'foreign',
  });
  assert.deepEqual(await pod.link(), before);
});

test("a VNI that another link of the pod has is refused with that link's name", async () => {
  const pod = await node.pod();
  await pod.netns.exec([IP, ...FOREIGN.map((word) => (word === 'green' ? 'other' : word)), 'nolearning']);
  await assert.rejects(node.ensure(await pod.intend()), fails('VniInUse', /taken in this pod by other/));
  assert.deepEqual(await vxlans(pod), ['other']);
});

test('a missing parent and an unreachable gateway are named', async () => {
  const pod = await node.pod();
  await assert.rejects(node.ensure(await pod.intend({ parent: 'net7' })), fails('ParentMissing', /net7/));
  const unreachable = await pod.intend(
    { routes: [{ destination: '10.1.0.0/16', gateway: '172.16.0.1' }] },
    { generation: 2 },
  );
  await assert.rejects(node.ensure(unreachable), fails('InvalidLink', /10\.1\.0\.0\/16 via 172\.16\.0\.1/));
});

test('a route that the pod already has through another link is not replaced', async () => {
  const pod = await node.pod();
  await pod.netns.exec([IP, 'route', 'add', '192.168.12.0/29', 'via', '10.244.1.1', 'dev', 'eth0']);
  await assert.rejects(node.ensure(await pod.intend()), fails('LinkConflict', /192\.168\.12\.0\/29/));
  assert.match(await pod.netns.exec([IP, 'route', 'show', '192.168.12.0/29']), /via 10\.244\.1\.1 dev eth0/);
});

test('a stale task changes nothing: other generation, other revision, other phase, no record', async () => {
  const pod = await node.pod();
  const old = await pod.intend();
  const current = await pod.intend({}, { generation: 2 });
  await assert.rejects(node.ensure(old), fails('Fenced', /generation 2/));
  await assert.rejects(node.ensure({ ...current, modRevision: '0' }), fails('Fenced', /revision/));
  await assert.rejects(node.remove(current), fails('Fenced', /needed: removing/));
  const removing = await pod.intend({}, { generation: 3, phase: 'removing' });
  await assert.rejects(node.ensure(removing), fails('Fenced', /is removing/));
  node.store.attachments.clear();
  await assert.rejects(node.ensure(removing), fails('Fenced', /no record/));
  assert.deepEqual(await vxlans(pod), []);
});

test('a netns that was replaced under its path is not entered', async () => {
  const pod = await node.pod();
  const stored = await pod.intend();
  await pod.netns.replace();
  await assert.rejects(node.ensure(stored), fails('SandboxChanged', /another network namespace/));
  const removal = await pod.intend({}, { phase: 'removing', generation: 2, netns: stored.value.netns });
  assert.deepEqual(await node.remove(removal), { outcome: 'sandbox-gone' });
  assert.deepEqual(await vxlans(pod), []);
});

test('the runtime has the last word: gone, not Ready, another pod, another path, host network', async () => {
  const pod = await node.pod();
  const stored = await pod.intend();
  const sandbox = node.runtime.sandboxes.get(pod.sandboxId);
  assert.ok(sandbox);
  const says = (change: object | undefined): void => {
    if (change === undefined) node.runtime.sandboxes.delete(pod.sandboxId);
    else node.runtime.sandboxes.set(pod.sandboxId, { ...sandbox, ...change });
  };
  says(undefined);
  await assert.rejects(node.ensure(stored), fails('SandboxGone', /not Ready/));
  says({ ready: false });
  await assert.rejects(node.ensure(stored), fails('SandboxGone', /not Ready/));
  says({ podUid: 'another' });
  await assert.rejects(node.ensure(stored), fails('SandboxChanged', /another/));
  says({ netnsPath: '/run/netns/another' });
  await assert.rejects(node.ensure(stored), fails('SandboxChanged', /\/run\/netns\/another/));
  says({ hostNetwork: true, netnsPath: undefined });
  await assert.rejects(node.ensure(stored), fails('HostNetwork', /hostNetwork/));
  assert.deepEqual(await vxlans(pod), []);
});

test("the host's own netns, a plain file and a path outside the roots are refused", async () => {
  for (const [path, text] of [
    ['/proc/1/ns/net', /right below/],
    ['/run/netns/../netns/x', /right below/],
    ['/run/netns/..', /right below/],
  ] as const) {
    await assert.rejects(node.deps.kernel.open(path, new AbortController().signal), fails('NetnsRefused', text));
  }
});
