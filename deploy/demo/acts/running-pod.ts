/** Act 3: a fourth pod that already runs gets a network by `kubectl annotate`, and loses it again; it is never restarted. */
import { podNetnsPath, type Lab } from '../../lab/lab.ts';
import { waitFor } from '../../lab/waiting.ts';
import { check, secondsText, type Act } from '../act.ts';
import { annotate, apply, field, podManifest, waitRunning } from '../cluster.ts';
import { floodTargets, linksIn, linkText, vxlanOf, type PodRef, type SeenLink } from '../kernel-look.ts';
import { ping, waitReachable, type PingResult } from '../ping.ts';

const LATE = 'late';
const ADDRESS = '192.168.11.3';

export interface RunningPodFacts {
  /** From before `kubectl annotate` started until the link was up, and until it was gone; milliseconds. */
  readonly attachMs: number;
  readonly detachMs: number;
  readonly link: SeenLink;
  readonly answered: PingResult;
  readonly restarts: number;
}

export const runningPod: Act<RunningPodFacts> = {
  title: 'a running pod gets a network, and loses it again',
  run: async ({ lab, namespace, did, saw }) => {
    const pod: PodRef = { namespace, name: LATE };
    const node = lab.nodes[1]?.name ?? '';
    await apply(lab, [podManifest(pod, { node, image: lab.testImage })]);
    await waitRunning(lab, [pod]);
    const netns = await podNetnsPath(lab, pod);
    const before = await linksIn(netns);
    did(`pod ${LATE} runs on ${node} without networks: ${before.map(({ name }) => name).join(', ')}`);
    check(vxlanOf(before).length === 0, `${LATE} has a VXLAN link before it asked for one`);
    const containerId = await field(lab, pod, '{.status.containerStatuses[0].containerID}');

    const networks = `vxeth1 ip=${ADDRESS}/29`;
    did(`kubectl annotate pod ${LATE} vxlan.openvnf.org/networks='${networks}'`);
    const [link, attachMs] = await timed(async () => {
      const seen = waitFor(
        `vxeth1 in ${LATE}, up`,
        async () => vxlanOf(await linksIn(netns)).find((each) => each.up && each.addresses.includes(`${ADDRESS}/29`)),
        { limitMs: 20_000, everyMs: 15 },
      );
      await annotate(lab, pod, networks);
      return seen;
    });
    saw(`${linkText(link)} after ${secondsText(attachMs)} (kubectl's own time included)`);
    await waitReachable(lab, { namespace, name: 'a' }, ADDRESS);
    const answered = await ping(lab, { namespace, name: 'a' }, ADDRESS);
    saw(`a → ${LATE}: ${answered.received} of ${answered.sent} pings answered, ttl ${answered.ttl ?? '-'}`);
    check(answered.received === answered.sent, `a does not reach ${LATE}`);

    did(`kubectl annotate pod ${LATE} vxlan.openvnf.org/networks-`);
    const [, detachMs] = await timed(async () => {
      await annotate(lab, pod, undefined);
      await waitFor(
        `vxeth1 to be gone from ${LATE}`,
        async () => (vxlanOf(await linksIn(netns)).length === 0 ? true : undefined),
        {
          limitMs: 20_000,
          everyMs: 15,
        },
      );
    });
    saw(
      `no VXLAN link left after ${secondsText(detachMs)}: ${(await linksIn(netns)).map(({ name }) => name).join(', ')}`,
    );
    await waitUntilForgotten(lab, namespace, await field(lab, pod, '{.status.podIP}'));
    saw(`no forwarding entry of a or gateway points at ${LATE} any more`);
    const restarts = Number(await field(lab, pod, '{.status.containerStatuses[0].restartCount}'));
    check(
      restarts === 0 && (await field(lab, pod, '{.status.containerStatuses[0].containerID}')) === containerId,
      `${LATE} was restarted`,
    );
    return { attachMs, detachMs, link, answered, restarts };
  },
};

async function waitUntilForgotten(lab: Lab, namespace: string, address: string): Promise<void> {
  for (const name of ['a', 'gateway']) {
    const netns = await podNetnsPath(lab, { namespace, name });
    await waitFor(
      `${name} to forget ${address}`,
      async () => ((await floodTargets(netns, 'vxeth1')).includes(address) ? undefined : true),
      { limitMs: 15_000, everyMs: 50 },
    );
  }
}

async function timed<T>(work: () => Promise<T>): Promise<[T, number]> {
  const started = performance.now();
  return [await work(), performance.now() - started];
}
