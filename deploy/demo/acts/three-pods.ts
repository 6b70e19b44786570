/** Act 2: a and b share no network; they reach each other through the gateway, which is in both, and in no other way. */
import { fileURLToPath } from 'node:url';
import { inNetns, kubectl, podNetnsPath, whyFailed, type Lab } from '../../lab/lab.ts';
import { waitFor } from '../../lab/waiting.ts';
import { check, secondsText, type Act, type ActContext } from '../act.ts';
import { waitRunning } from '../cluster.ts';
import { linksIn, linkText, vxlanOf, type PodRef } from '../kernel-look.ts';
import { ping, trace, waitReachable, type PingResult } from '../ping.ts';

const EXAMPLE = fileURLToPath(new URL('../../examples/three-pods/', import.meta.url));
const LINKS: Readonly<Record<string, readonly string[]>> = {
  a: ['vxeth1'],
  b: ['vxeth2'],
  gateway: ['vxeth1', 'vxeth2'],
};
const ROUTED_TTL = 63;

export interface ThreePodsFacts {
  readonly attachedMs: number;
  readonly pings: readonly { readonly from: string; readonly to: string; readonly result: PingResult }[];
  readonly hops: readonly string[];
  readonly withTtlOne: PingResult;
  readonly withoutForwarding: PingResult;
  readonly withForwardingAgain: PingResult;
}

export const threePods: Act<ThreePodsFacts> = {
  title: 'three pods on three nodes: a and b talk through the gateway',
  run: async (context) => {
    const { lab, namespace } = context;
    const pod = (name: string): PodRef => ({ namespace, name });
    const attachedMs = await start(context);
    await waitReachable(lab, pod('a'), '192.168.12.2');

    const pings = [];
    for (const [from, to] of [
      ['a', '192.168.11.1'],
      ['b', '192.168.12.1'],
      ['gateway', '192.168.11.2'],
      ['gateway', '192.168.12.2'],
      ['a', '192.168.12.2'],
      ['b', '192.168.11.2'],
    ] as const) {
      pings.push({ from, to, result: await ping(lab, pod(from), to) });
    }
    context.saw('from     to            answers  ttl  average');
    for (const { from, to, result } of pings) context.saw(pingRow(from, to, result));
    for (const { from, to, result } of pings)
      check(result.received === result.sent, `${from} → ${to}: ${result.received} of ${result.sent} pings answered`);
    for (const { from, result } of pings.slice(-2))
      check(
        result.ttl === ROUTED_TTL,
        `answers to ${from} have ttl ${result.ttl}, one router takes 64 to ${ROUTED_TTL}`,
      );

    const hops = await trace(lab, pod('a'), '192.168.12.2');
    context.saw(`the way from a to b: ${hops.join(' → ')}`);
    check(hops.join() === '192.168.11.1,192.168.12.2', `the way from a to b should be the gateway, then b`);
    return { attachedMs, pings, hops, ...(await onlyThroughGateway(context)) };
  },
};

/** Applies the example; returns the time from the first pod's creation to the last link, in milliseconds. */
async function start(context: ActContext): Promise<number> {
  const { lab, namespace } = context;
  await kubectl(lab, ['apply', '-f', `${EXAMPLE}networks.yaml`]);
  const started = performance.now();
  await kubectl(lab, ['-n', namespace, 'apply', '-f', `${EXAMPLE}pods.yaml`]);
  context.did(`kubectl apply -f deploy/examples/three-pods (a on n1, b on n2, gateway on n3)`);
  const pods = Object.keys(LINKS).map((name) => ({ namespace, name }));
  await waitRunning(lab, pods);
  const running = performance.now() - started;
  await Promise.all(pods.map((pod) => waitForLinks(lab, pod)));
  const attachedMs = performance.now() - started;
  context.saw(`pods run after ${secondsText(running)}, all links are up after ${secondsText(attachedMs)}`);
  for (const pod of pods) {
    const links = vxlanOf(await linksIn(await podNetnsPath(lab, pod)));
    context.saw(`${pod.name.padEnd(8)} ${links.map(linkText).join(' | ')}`);
  }
  return attachedMs;
}

async function waitForLinks(lab: Lab, pod: PodRef): Promise<void> {
  const wanted = LINKS[pod.name] ?? [];
  const netns = await podNetnsPath(lab, pod);
  await waitFor(
    `${pod.name} to have ${wanted.join(' and ')} with an address, up`,
    async () => {
      const links = vxlanOf(await linksIn(netns)).filter((link) => link.up && link.addresses.length > 0);
      return links
        .map(({ name }) => name)
        .sort()
        .join() === wanted.join()
        ? true
        : undefined;
    },
    { limitMs: 30_000, everyMs: 50 },
  );
}

/** Proof by taking it away: with a time to live of one, and with a gateway that does not forward, nothing arrives. */
async function onlyThroughGateway({
  lab,
  namespace,
  saw,
  did,
}: ActContext): Promise<Pick<ThreePodsFacts, 'withTtlOne' | 'withoutForwarding' | 'withForwardingAgain'>> {
  const a = { namespace, name: 'a' };
  const toB = '192.168.12.2';
  const withTtlOne = await ping(lab, a, toB, { ttl: 1, count: 2 });
  saw(`a → b with ttl 1: ${withTtlOne.received} of ${withTtlOne.sent} answered`);
  check(withTtlOne.received === 0, 'a reaches b without a router in between');
  const gateway = await podNetnsPath(lab, { namespace, name: 'gateway' });
  did("net.ipv4.ip_forward=0 in the gateway's network namespace");
  await setForwarding(gateway, false);
  let withoutForwarding: PingResult;
  try {
    withoutForwarding = await ping(lab, a, toB, { count: 2 });
  } finally {
    await setForwarding(gateway, true);
  }
  saw(`a → b: ${withoutForwarding.received} of ${withoutForwarding.sent} answered; forwarding is on again`);
  check(withoutForwarding.received === 0, 'a reaches b although the gateway forwards nothing');
  const withForwardingAgain = await ping(lab, a, toB, { count: 2 });
  check(withForwardingAgain.received === 2, 'a does not reach b after the gateway forwards again');
  return { withTtlOne, withoutForwarding, withForwardingAgain };
}

async function setForwarding(netns: string, on: boolean): Promise<void> {
  const result = await inNetns(netns, 'busybox', ['sysctl', '-w', `net.ipv4.ip_forward=${on ? 1 : 0}`]);
  if (result.code !== 0) throw new Error(`sysctl in ${netns}: ${whyFailed(result)}`);
}

const pingRow = (from: string, to: string, { received, sent, ttl, averageMs }: PingResult): string =>
  `${from.padEnd(8)} ${to.padEnd(13)} ${`${received}/${sent}`.padEnd(8)} ${String(ttl ?? '-').padEnd(4)} ${averageMs === undefined ? '-' : `${averageMs.toFixed(2)} ms`}`;
