/** Pings and traces sent from inside a pod. */
import { attempt, findProgram } from '../lab/commands.ts';
import { inNetns, kubectlEnv, podNetnsPath, type Lab } from '../lab/lab.ts';
import { waitFor } from '../lab/waiting.ts';
import type { PodRef } from './kernel-look.ts';

export interface PingResult {
  readonly sent: number;
  readonly received: number;
  /** Time to live of the first answer; every router on the way back took one off 64. */
  readonly ttl: number | undefined;
  /** Average round trip, milliseconds. */
  readonly averageMs: number | undefined;
}

/** `kubectl exec POD -- ping`: as a user would. */
export async function ping(
  lab: Lab,
  pod: PodRef,
  to: string,
  o: { ttl?: number; count?: number } = {},
): Promise<PingResult> {
  const ttl = o.ttl === undefined ? [] : ['-t', String(o.ttl)];
  const sent = o.count ?? 3;
  const words = ['ping', '-c', String(sent), '-i', '0.2', '-W', '1', ...ttl, to];
  const { stdout } = await inPod(lab, pod, words);
  return readPing(stdout, sent);
}

/** Addresses of the routers on the way, the last one being the destination; `*` where nobody answered. */
export async function trace(lab: Lab, pod: PodRef, to: string): Promise<string[]> {
  const { stdout } = await inPod(lab, pod, ['traceroute', '-n', '-q', '1', '-w', '2', '-m', '5', to]);
  return stdout
    .split('\n')
    .map((line) => /^\s*\d+\s+(\S+)/.exec(line)?.[1])
    .filter((hop) => hop !== undefined);
}

/** Waits until one ping is answered: mesh entries of other pods follow an attach within moments. */
export async function waitReachable(lab: Lab, pod: PodRef, to: string, limitMs = 15_000): Promise<void> {
  const netns = await podNetnsPath(lab, pod);
  await waitFor(
    `${pod.name} to reach ${to}`,
    async () => {
      const { stdout } = await inNetns(netns, 'busybox', ['ping', '-c', '1', '-W', '1', to]);
      return readPing(stdout, 1).received === 1 ? true : undefined;
    },
    { limitMs, everyMs: 100 },
  );
}

async function inPod(lab: Lab, pod: PodRef, words: readonly string[]): Promise<{ stdout: string }> {
  const kubectl = findProgram(lab.binaries.kubectl) ?? lab.binaries.kubectl;
  const args = ['-n', pod.namespace, 'exec', pod.name, '--', ...words];
  // ping's exit code says whether answers came; the caller reads that from the text.
  const result = await attempt(kubectl, args, { env: kubectlEnv(lab) });
  if (result.stdout.trim() === '') throw new Error(`kubectl ${args.join(' ')}: ${result.stderr.trim()}`);
  return result;
}

function readPing(text: string, sent: number): PingResult {
  const received = Number(/(\d+) (?:packets )?received/.exec(text)?.[1] ?? 0);
  const ttl = /ttl=(\d+)/.exec(text)?.[1];
  const average = /= [\d.]+\/([\d.]+)\//.exec(text)?.[1];
  return {
    sent,
    received,
    ttl: ttl === undefined ? undefined : Number(ttl),
    averageMs: average === undefined ? undefined : Number(average),
  };
}
