/**
 * `inspect nets` and `list pods` against kube-vxlan-controller's own rules: the tools are run here one by one, as the original ran them in
 * its agents, and their output is rendered by a second, independent reading of the original's formats.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createInspectBatch } from '../../activities/network/inspect/inspect-pods.ts';
import { lookIntoPod } from '../../activities/network/inspect/inspect-pod.ts';
import { createIprouteKernel } from '../../adapters/iproute/node-kernel.ts';
import { createNetlinkKernel } from '../../adapters/netlink/node-kernel.ts';
import { createNetlinkThread } from '../../adapters/netlink/thread.ts';
import type { LinkKernel } from '../../domain/ports/link-kernel.ts';
import { createNodeNetnsResolver } from '../../activities/network/sandbox-netns.ts';
import type { SelectedPod } from '../../adapters/kubernetes/selected-pods.ts';
import { inspectPods, type PodWithNetworks } from '../../cli/inspect/members.ts';
import { fieldsOf } from '../../cli/inspect/render.ts';
import {
  listedPods,
  netsText,
  podsListText,
  podsText,
  shownNetworks,
  shownPods,
  type Inspect,
} from '../../cli/inspect/texts.ts';
import { unpackAnswers } from '../../adapters/temporal/inspections.ts';
import { writtenNetworks } from '../../domain/openvnf/written-networks.ts';
import { DEFAULT_DIALECT_SETTINGS } from '../../domain/settings.ts';
import { FakeRuntime } from './fakes.ts';
import { createTestNetns, NETNS_ROOT, type TestNetns } from './namespace.ts';

const NEVER = new AbortController().signal;
const CONFIG_MAP = { vxeth1: 'id=101 up', vxeth2: '102' };

interface TestPod {
  readonly each: PodWithNetworks;
  readonly netns: TestNetns;
}

const runtime = new FakeRuntime();
const pods: TestPod[] = [];
let a: TestPod;

async function pod(name: string, ip: string, annotation: string): Promise<TestPod> {
  const netns = await createTestNetns();
  // Otherwise addresses are tentative at first, and two looks differ.
  await netns.exec(['/usr/sbin/sysctl', '-qw', 'net.ipv6.conf.default.dad_transmits=0']);
  const uid = `uid-${name}`;
  runtime.sandboxes.set(uid, {
    ...{ id: uid, podUid: uid, namespace: 'shop', name, ready: true, createdAt: '1', hostNetwork: false },
    ...{ netnsPath: netns.path, podIPs: [ip] },
  });
  const selected: SelectedPod = {
    ...{ uid, namespace: 'shop', name, nodeName: 'n1', hostNetwork: false, phaseClass: 'counts', deleting: false },
    ...{ podIPs: ip === '' ? [] : [ip], labels: {}, annotations: {}, publishedStatus: undefined },
    ...{ agent: 'running', running: true },
  };
  const made = { each: { pod: selected, networks: writtenNetworks(annotation, CONFIG_MAP, 'podwire') }, netns };
  pods.push(made);
  return made;
}

/** As the original's setup and join do it. */
async function run(netns: TestNetns, ...commands: string[]): Promise<void> {
  for (const command of commands) {
    const [tool = '', ...args] = command.split(' ');
    await netns.exec([`/usr/sbin/${tool}`, ...args]);
  }
}

before(async () => {
  a = await pod(
    'a',
    '10.244.1.5',
    'vxeth1\n  ip=192.168.11.2/29\n  route=192.168.12.0/29:192.168.11.1\nvxeth2 up note=x',
  );
  await run(
    a.netns,
    'ip link add vxeth1 type vxlan id 101 dev eth0 dstport 0',
    'ip addr add 192.168.11.2/29 dev vxeth1',
    'ip addr add 192.168.13.2/32 dev vxeth1',
    'ip addr add fd00:11::2/64 dev vxeth1',
    'ip link set vxeth1 up',
    'ip route add 192.168.12.0/29 via 192.168.11.1',
    'ip route add 192.168.14.0/29 via 192.168.11.3',
    'bridge fdb append to 00:00:00:00:00:00 dst 10.244.1.6 dev vxeth1',
    'bridge fdb append to 00:00:00:00:00:00 dst 10.244.1.7 dev vxeth1',
    'ip link add vxeth2 type vxlan id 102 dev eth0 dstport 0',
  );
  const b = await pod('b', '10.244.1.6', 'vxeth1 name=other, nowhere');
  // Enough links that its index has two digits: the original cuts three characters whatever they are.
  for (let i = 0; i < 12; i += 1) await run(b.netns, `ip link add d${i} type vxlan id ${1000 + i} dev eth0 dstport 0`);
  await run(b.netns, 'ip link add other type vxlan id 101 dev eth0 dstport 0', 'ip link set other up');
  await pod('no-links', '', 'vxeth1, vxeth2');
  await pod('plain', '10.244.1.9', '');
  const settled = async (): Promise<boolean> => {
    const texts = await Promise.all(pods.map(({ netns }) => netns.exec(['/usr/sbin/ip', 'addr', 'show'])));
    return !texts.some((text) => text.includes('tentative'));
  };
  for (const limit = performance.now() + 10_000; !(await settled()); await sleep(100)) {
    assert.ok(performance.now() < limit, 'addresses stay tentative');
  }
});
after(() => Promise.all(pods.map(({ netns }) => netns.remove())));

const problems: string[] = [];

const thread = createNetlinkThread();
after(() => thread.close());
const iproute2 = createIprouteKernel({ netnsRoots: [NETNS_ROOT] });
const netlink = createNetlinkKernel({ netnsRoots: [NETNS_ROOT], thread });

const lookDeps = (kernel: LinkKernel): Parameters<typeof lookIntoPod>[0] => ({
  kernel,
  netnsResolver: createNodeNetnsResolver({ kernel, runtime, bootId: 'boot' }),
});

/** What the node worker would do, without Temporal in between. */
const inspectWith =
  (kernel: LinkKernel): Inspect =>
  (asked) => {
    const batch = createInspectBatch((input, signal) => lookIntoPod(lookDeps(kernel), input, signal), 2);
    return inspectPods(
      asked,
      DEFAULT_DIALECT_SETTINGS,
      async (target, group) => unpackAnswers((await batch({ place: target, pods: group }, NEVER)).packed),
      (problem) => problems.push(problem),
    );
  };

/** One command as the original's generation A ran it: both streams, exit status not looked at. */
async function asOriginal(netns: TestNetns, command: string): Promise<string> {
  const [tool = '', ...args] = command.split(' ');
  return netns.exec(['/bin/sh', '-c', 'exec 2>&1; exec "$@"', 'sh', `/usr/sbin/${tool}`, ...args], { mayFail: true });
}

/** The original's formats once more, in the manner of its source: lexemes, joins, fixed indents. */
async function originalField(
  { each, netns }: TestPod,
  options: ReadonlyMap<string, string>,
  field: string,
): Promise<string> {
  const dev = options.get('name') ?? '';
  const lexemes = async (command: string): Promise<string[]> =>
    (await asOriginal(netns, command)).split('\n').filter((line) => line.length > 0);
  const joined = (lines: readonly string[], indent: string): string =>
    lines
      .map((line) => indent + line)
      .join('\n')
      .trim();
  switch (field) {
    case 'pod':
      return ` pod: ${each.pod.namespace}/${each.pod.name} ${each.pod.podIPs[0] ?? ''}\n`;
    case 'net': {
      let text = '';
      for (const key of [...options.keys()].sort()) text += `${key}:${options.get(key) ?? ''} `;
      return ` net: ${text.trim()}\n`;
    }
    case 'fdb':
      return ` fdb: ${joined(await lexemes(`bridge fdb show dev ${dev}`), '      ')}\n`;
    case 'dev': {
      const lines = (await lexemes(`ip -d addr show dev ${dev}`)).filter((line) => line.length >= 3);
      return ` dev: ${joined(
        lines.map((line) => line.substring(3)),
        '      ',
      )}\n`;
    }
    case 'route':
      return ` route: ${joined(await lexemes(`ip route show dev ${dev}`), '        ')}\n`;
    default:
      return '';
  }
}

async function originalInspect(names: readonly string[], fields: readonly string[]): Promise<string> {
  let out = '';
  for (const net of names) {
    out += `[${net}]\n`;
    for (const pod of pods) {
      const options = pod.each.networks.find(({ name }) => name === net)?.options;
      if (options === undefined) continue;
      for (const field of fields) out += await originalField(pod, options, field);
      out += '\n';
    }
  }
  return out;
}

for (const [name, kernel] of Object.entries({ netlink, iproute2 })) describe(name, () => inspecting(kernel));

function inspecting(kernel: LinkKernel): void {
  const inspect = inspectWith(kernel);

  const netsOf = async (of: readonly PodWithNetworks[], names: readonly string[], words: string): Promise<string> => {
    const fields = fieldsOf(words);
    return netsText(await shownNetworks(of, names, fields, inspect), fields);
  };
  const inspected = (names: readonly string[], fields: string): Promise<string> =>
    netsOf(
      pods.map(({ each }) => each),
      names,
      fields,
    );

  for (const [says, names, fields] of [
    ['with its usual fields', ['vxeth1'], 'pod,net,fdb'],
    ['with all fields', ['vxeth1', 'vxeth2'], 'all'],
    [
      'of networks that nobody has, in the order of the arguments',
      ['zzz', 'vxeth2', 'nowhere', 'vxeth1', 'vxeth2'],
      'pod,fdb',
    ],
    ['with fields in another order and unknown ones', ['vxeth1'], 'route,nonsense,dev,pod'],
    ['with no field that it knows', ['vxeth1'], 'nonsense'],
  ] as const) {
    test(`inspect nets ${says} prints what the original does, byte for byte`, async () => {
      const order = fields === 'all' ? ['pod', 'net', 'fdb', 'dev', 'route'] : fields.split(',');
      assert.equal(await inspected(names, fields), await originalInspect(names, order));
      assert.deepEqual(problems, []);
    });
  }

  test('inspect nets has the form of the reference', async () => {
    const text = await inspected(['vxeth1'], 'pod,net,fdb');
    assert.ok(
      text.startsWith(
        [
          '[vxeth1]',
          ' pod: shop/a 10.244.1.5',
          ' net: dev:eth0 id:101 ip:192.168.11.2/29 name:vxeth1 route:192.168.12.0/29:192.168.11.1 type:vxlan up:true',
          ' fdb: 00:00:00:00:00:00 dst 10.244.1.6 self permanent',
          '      00:00:00:00:00:00 dst 10.244.1.7 self permanent',
          '',
          ' pod: shop/b 10.244.1.6',
          ' net: dev:eth0 id:101 name:other type:vxlan up:true',
          ' fdb: ',
          '',
          ' pod: shop/no-links ',
          ' net: dev:eth0 id:101 name:vxeth1 type:vxlan up:true',
          ' fdb: Cannot find device "vxeth1"',
          '',
          '',
        ].join('\n'),
      ),
      text,
    );
  });

  test('inspect nets shows what the kernel has, also where it differs from what the pod asks for', async () => {
    const shown = async (): Promise<string> => (await inspected(['vxeth2'], 'net,dev')).split('\n\n')[0] ?? '';
    const net = ' net: dev:eth0 id:102 name:vxeth2 note:x type:vxlan up:true\n';
    await run(a.netns, 'ip link set vxeth2 mtu 1234');
    assert.match(
      await shown(),
      new RegExp(`${net} dev: vxeth2: <BROADCAST,MULTICAST> mtu 1234 .*\\n(.*\\n)* +vxlan id 102 `),
    );
    await run(a.netns, 'ip link del vxeth2', 'ip link add vxeth2 type vxlan id 202 dev eth0 dstport 0');
    assert.match(await shown(), new RegExp(`${net} dev: (.*\\n)* +vxlan id 202 `));
    await run(a.netns, 'ip link del vxeth2', 'ip link add vxeth2 type vxlan id 102 dev eth0 dstport 0');
  });

  test('list pods prints a line for each IPv4 address, and one without an address where there is none', async () => {
    const all = pods.map(({ each }) => each);
    const expected = [
      'shop/a vxeth1 192.168.11.2/29',
      'shop/a vxeth1 192.168.13.2/32',
      'shop/a vxeth2 ',
      'shop/b vxeth1 ',
      'shop/no-links vxeth1 ',
      'shop/no-links vxeth2 ',
    ];
    const listed = async (prefixes: readonly string[]) => podsListText(await listedPods(all, prefixes, inspect));
    assert.equal(await listed([]), expected.map((line) => `${line}\n`).join(''));
    const some = expected.filter((line) => line.startsWith('shop/a') || line.startsWith('shop/no'));
    assert.equal(await listed(['no-', 'a']), some.map((line) => `${line}\n`).join(''));
    assert.equal(await listed(['shop/a', 'nobody']), '');
    // The lines are those that the original makes of `ip addr show`.
    const words = (await asOriginal(a.netns, 'ip addr show dev vxeth1'))
      .split('\n')
      .map((line) => line.trim().split(' '));
    assert.deepEqual(
      words.filter(([family]) => family === 'inet').map(([, cidr]) => `shop/a vxeth1 ${cidr ?? ''}`),
      expected.slice(0, 2),
    );
  });

  test('inspect pods shows all networks of a pod, and a pod without any', async () => {
    const fields = fieldsOf('net,route');
    const all = pods.map(({ each }) => each);
    const text = podsText(await shownPods(all, fields, inspect), fields);
    assert.match(
      text,
      /^\[shop\/a\]\n uid: uid-a\n node: n1\n ips: 10\.244\.1\.5\n\n net: .* up:true\n route: 192\.168\.11\.0\/29 /,
    );
    assert.match(text, /\n\n net: dev:eth0 id:102 name:vxeth2 note:x type:vxlan up:true\n route: \n/);
    assert.match(text, /\[shop\/plain\]\n uid: uid-plain\n node: n1\n ips: 10\.244\.1\.9\n\n$/);
  });

  test('a pod that is gone is told and has empty fields, and the others are shown', async () => {
    const [first] = pods;
    assert.ok(first);
    const gone = { ...first.each, pod: { ...first.each.pod, uid: 'uid-gone', name: 'gone' } };
    const text = await netsOf([gone, first.each], ['vxeth1'], 'pod,fdb');
    assert.match(text, /^\[vxeth1\]\n pod: shop\/gone 10\.244\.1\.5\n fdb: \n\n pod: shop\/a .*\n fdb: 00:00/);
    assert.deepEqual(problems.splice(0), [
      'shop/gone: SandboxGone: pod shop/gone has no Ready sandbox with a netns of its own here',
    ]);
  });

  test('many links of one pod are asked for at once and answered each with its own', async () => {
    const { answers } = await lookIntoPod(
      lookDeps(kernel),
      {
        ...{ podUid: 'uid-a', namespace: 'shop', name: 'a' },
        questions: ['vxeth2', 'absent', 'eth0', 'vxeth1'].map((link) => ({ about: 'details' as const, link })),
      },
      NEVER,
    );
    const single = (link: string): Promise<string> => a.netns.exec(['/usr/sbin/ip', '-d', 'addr', 'show', 'dev', link]);
    assert.deepEqual(answers, [await single('vxeth2'), undefined, await single('eth0'), await single('vxeth1')]);
  });
}
