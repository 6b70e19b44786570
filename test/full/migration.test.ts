/**
 * kube-vxlan-controller is replaced by podwire on a live cluster: podwire's parts are stopped, links and forwarding entries are made in running pods by
 * the original's commands, traffic flows, then podwire is started. Beside it, what its command line then shows.
 */
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { annotate, declareNetworks, field } from '../../deploy/demo/cluster.ts';
import { floodTargets, podLink, type PodRef, type SeenLink } from '../../deploy/demo/kernel-look.ts';
import { inNetns, podNetnsPath, stopPart, whyFailed } from '../../deploy/lab/lab.ts';
import { podwireParts, startPodwire, stopPodwire } from '../../deploy/lab/podwire.ts';
import { podwire } from '../cli/podwire-command.ts';
import { Pinger } from '../faults/pinger.ts';
import { labTest, waitEvent, waitFor, waitLink } from '../lab/harness.ts';
import { statusTruth } from '../lab/invariants.ts';
import { publishedStatus } from '../lab/status-truth.ts';

const GONE = '10.66.0.1';
/** The one switch, and sweeps that a test can wait for. */
const ENV = { PODWIRE_COMPATIBILITY: 'kube-vxlan-controller', PODWIRE_SWEEP_SECONDS: '5' };

describe('a cluster of kube-vxlan-controller', () => {
  const t = labTest('migrate');
  const pods: PodRef[] = [];
  const netns = new Map<PodRef, string>();
  const before_ = new Map<PodRef, SeenLink | undefined>();

  const run = async (pod: PodRef, command: string): Promise<string> => {
    const [program = '', ...args] = command.split(' ');
    const result = await inNetns(netns.get(pod) ?? '', program, args);
    assert.equal(result.code, 0, whyFailed(result));
    return result.stdout;
  };

  /** Without what the links learned under the original: that is forgotten within minutes. */
  const floodsToEachOther = async (): Promise<void> => {
    for (const [pod, peer] of [pods, [...pods].reverse()].map(([one, other]) => [one, other])) {
      assert.ok(pod && peer);
      const lines = (await run(pod, 'bridge fdb show dev moved'))
        .split('\n')
        .filter((line) => line.startsWith('00:00:00:00:00:00'));
      const ip = await field(t.lab, peer, '{.status.podIP}');
      assert.deepEqual(
        lines.map((line) => line.trim()),
        [`00:00:00:00:00:00 dst ${ip} self permanent`],
      );
    }
  };

  before(async () => {
    await stopPodwire(t.lab);
    await declareNetworks(t.lab, { moved: 'id=3901 up' });
    const [a, b] = (await t.createPods([
      { name: 'a', node: t.node(0), networks: 'moved\n  ip=10.39.0.1/24\n  route=10.38.0.0/24:10.39.0.9' },
      { name: 'b', node: t.node(1), networks: 'moved ip=10.39.0.2/24' },
    ])) as [PodRef, PodRef];
    pods.push(a, b);
    for (const pod of pods) netns.set(pod, await podNetnsPath(t.lab, pod));
    const [ipA, ipB] = await Promise.all(pods.map((pod) => field(t.lab, pod, '{.status.podIP}')));
    for (const [pod, peer] of [
      [a, ipB],
      [b, ipA],
    ] as const) {
      await run(pod, 'ip link add moved type vxlan id 3901 dev eth0 dstport 0');
      await run(pod, `ip addr add 10.39.0.${pod === a ? 1 : 2}/24 dev moved`);
      await run(pod, 'ip link set moved up');
      await run(pod, `bridge fdb append to 00:00:00:00:00:00 dst ${peer ?? ''} dev moved`);
    }
    await run(a, 'ip route add 10.38.0.0/24 via 10.39.0.9');
    await run(a, `bridge fdb append to 00:00:00:00:00:00 dst ${GONE} dev moved`);
    for (const pod of pods) before_.set(pod, await podLink(t.lab, pod, 'moved'));
  });

  test('is taken over by podwire without a lost packet: the same devices, the mesh complete, strangers told and removed', async () => {
    const [a] = pods;
    assert.ok(a);
    const pinger = new Pinger(netns.get(a) ?? '', '10.39.0.2');
    await startPodwire(t.lab, { env: ENV });
    for (const pod of pods) {
      const link = await waitLink(t.lab, pod, 'moved', (seen) => seen?.alias?.endsWith(':adopted') === true, 30_000);
      assert.deepEqual({ ...link, alias: undefined }, { ...before_.get(pod), alias: undefined });
    }
    await waitEvent(t.lab, a, 'NetworkEntriesUnknown', new RegExp(GONE.replaceAll('.', '\\.')), 40_000);
    await waitFor(
      'the entry to nobody to go',
      async () => ((await floodTargets(netns.get(a) ?? '', 'moved')).includes(GONE) ? undefined : true),
      { limitMs: 30_000 },
    );
    const { sent, received } = await pinger.stop();
    assert.equal(received, sent);
    await floodsToEachOther();
    await statusTruth(t.lab, pods);
    for (const pod of pods) assert.equal((await podLink(t.lab, pod, 'moved'))?.ifindex, before_.get(pod)?.ifindex);
    assert.match(await run(a, 'ip route show dev moved'), /^10\.38\.0\.0\/24 via 10\.39\.0\.9 *$/m);
  });

  test('is shown by podwire as the original showed it, and so is what does not exist', async () => {
    const env = { PODWIRE_KUBECONFIG: t.lab.kubeconfigs.admin, PODWIRE_COMPATIBILITY: 'kube-vxlan-controller' };
    const listed = await podwire(t.lab, ['list', 'pods', 'a', 'b'], env);
    assert.equal(listed.stderr, '');
    const own = listed.stdout.split('\n').filter((line) => line.startsWith(`${t.namespace}/`));
    assert.deepEqual(own, [`${t.namespace}/a moved 10.39.0.1/24`, `${t.namespace}/b moved 10.39.0.2/24`]);

    const inspected = await podwire(t.lab, ['inspect', 'nets', 'moved', 'nowhere', '--fields=pod,net,fdb,route'], env);
    const [a, b] = pods;
    assert.ok(a && b);
    const block = async (pod: PodRef, options: string): Promise<string> => {
      const fdb = (await run(pod, 'bridge fdb show dev moved')).trimEnd().replaceAll('\n', '\n      ');
      const routes = (await run(pod, 'ip route show dev moved')).split('\n').filter((line) => line !== '');
      return [
        ` pod: ${t.namespace}/${pod.name} ${await field(t.lab, pod, '{.status.podIP}')}`,
        ` net: dev:eth0 id:3901 ${options} type:vxlan up:true`,
        ` fdb: ${fdb}`,
        ` route: ${routes.join('\n        ').trimEnd()}`,
        '\n',
      ].join('\n');
    };
    const route = 'route:10.38.0.0/24:10.39.0.9';
    const expected = `[moved]\n${await block(a, `ip:10.39.0.1/24 name:moved ${route}`)}${await block(b, 'ip:10.39.0.2/24 name:moved')}[nowhere]\n`;
    assert.equal(inspected.stdout, expected);
    assert.equal(inspected.code, 0, inspected.stderr);

    assert.equal((await podwire(t.lab, ['list', 'pods', 'nobody-has-this-name'], env)).stdout, '');
    const missing = await podwire(t.lab, ['inspect', 'pods', `${t.namespace}/a`, 'nobody'], env);
    assert.equal(missing.code, 1);
    assert.match(missing.stderr, /no pod "nobody"/);
    assert.match(
      missing.stdout,
      new RegExp(
        `^\\[${t.namespace}/a\\]\\n uid: .*\\n node: .*\\n ips: .*\\n status: moved cluster/moved Attached\\n`,
      ),
    );
  });

  test('keeps a link that was taken over, adopted as it is, when an edit of it is refused by the kernel', async () => {
    const [a] = pods;
    assert.ok(a);
    const right = 'moved\n  ip=10.39.0.1/24\n  route=10.38.0.0/24:10.39.0.9';
    const pinger = new Pinger(netns.get(a) ?? '', '10.39.0.2');
    await annotate(t.lab, a, `${right}\n  mtu=9000`);
    await waitEvent(t.lab, a, 'NetworkRefused', /moved: set-mtu moved is refused by the kernel/);
    await statusTruth(t.lab, pods);
    const { sent, received } = await pinger.stop();
    assert.equal(received, sent);
    const link = await podLink(t.lab, a, 'moved');
    assert.deepEqual({ ...link, alias: undefined }, { ...before_.get(a), alias: undefined });
    assert.match(link?.alias ?? '', /:adopted$/);
    await floodsToEachOther();
    await annotate(t.lab, a, right);
    await waitFor(
      'a status without a refusal',
      async () => ((await publishedStatus(t.lab, a)).some(({ state }) => state === 'Refused') ? undefined : true),
      { limitMs: 15_000 },
    );
  });

  test('leaves its rules when podwire is started without them', async () => {
    for (const part of podwireParts(t.lab)) await stopPart(t.lab, part.name);
    await startPodwire(t.lab);
    for (const pod of pods) assert.equal((await podLink(t.lab, pod, 'moved'))?.ifindex, before_.get(pod)?.ifindex);
    await floodsToEachOther();
  });
});
