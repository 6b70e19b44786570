/** TCP connections that are tried from somewhere in the lab, and servers in pods to try them with. */
import { findProgram } from '../../deploy/lab/commands.ts';
import { inNetns, podNetnsPath, startPart, stopPart, whyFailed, type Lab } from '../../deploy/lab/lab.ts';
import type { PodRef } from '../../deploy/demo/kernel-look.ts';
import { waitFor } from '../lab/harness.ts';

/** A network namespace, and what messages call it. */
export interface From {
  readonly what: string;
  readonly netnsPath: string;
}

export interface Target {
  readonly what: string;
  readonly address: string;
  readonly port: number;
}

export async function fromPod(lab: Lab, pod: PodRef): Promise<From> {
  return { what: `${pod.namespace}/${pod.name}`, netnsPath: await podNetnsPath(lab, pod) };
}

/** What of these accepts a connection, by name. @throws Error when something else than a refusal or silence is in the way */
export async function reachedFrom(from: From, targets: readonly Target[]): Promise<string[]> {
  const reached = await Promise.all(targets.map((target) => reaches(from, target)));
  return targets.filter((_, index) => reached[index]).map(({ what }) => what);
}

async function reaches({ what, netnsPath }: From, target: Target): Promise<boolean> {
  const to = `TCP4:${target.address}:${target.port},connect-timeout=3`;
  const result = await inNetns(netnsPath, 'socat', ['-u', 'OPEN:/dev/null', to], { timeoutMs: 15_000 });
  if (result.code === 0) return true;
  if (/connection refused|timed out/i.test(result.stderr)) return false;
  throw new Error(`from ${what} to ${target.what}: ${whyFailed(result)}`);
}

/** A server in a pod's network, which takes connections on every address and ends them. @returns what ends it */
export async function openDoor(lab: Lab, from: From, port: number): Promise<() => Promise<void>> {
  const name = `door-${port}`;
  await startPart(lab, {
    name,
    netnsPath: from.netnsPath,
    file: findProgram('socat') ?? '/usr/bin/socat',
    args: ['-u', 'OPEN:/dev/null', `TCP4-LISTEN:${port},fork,reuseaddr`],
    env: {},
  });
  const itself = { what: 'itself', address: '127.0.0.1', port };
  await waitFor(`a server in ${from.what}`, async () => (await reaches(from, itself)) || undefined, {
    limitMs: 10_000,
  });
  return () => stopPart(lab, name);
}
