/** What a node does for the run of a sandbox. Its disk says what is true; etcd is brought to that (ADR 53). */
import { PodwireError } from '../../domain/failures.ts';
import type { LinkKernel } from '../../domain/ports/link-kernel.ts';
import type { PrimarySandboxes } from '../../domain/ports/primary-sandboxes.ts';
import type { SandboxRuntime } from '../../domain/ports/sandbox-runtime.ts';
import { isHeld, type Lease } from '../../domain/primary/lease.ts';
import { hooksLeft, sandboxOf, type HooksOfSandbox } from '../../domain/primary/sandbox.ts';
import { KeyedMutex } from '../concurrency/keyed-mutex.ts';
import { withHeartbeat, type Step } from '../network/with-heartbeat.ts';
import { withFailpoints } from '../with-failpoints.ts';
import type { PodSubnets } from './pod-subnets.ts';
import type {
  EndSandboxInput,
  RecordSandboxInput,
  RecordSandboxResult,
  SandboxActivities,
  VerifySandboxResult,
} from './sandbox-contract.ts';
import { letGo, wiringOf, type WiredPodDeps } from './wired-pod.ts';

export interface SandboxStepsDeps extends WiredPodDeps {
  readonly node: string;
  readonly records: PrimarySandboxes;
  readonly runtime: Pick<SandboxRuntime, 'describe'>;
  readonly links: Pick<LinkKernel, 'open'>;
  readonly subnets: Pick<PodSubnets, 'ranges'>;
  /** Of interfaces of pods to come, in bytes. */
  readonly mtu: () => number;
}

export type SandboxSteps = {
  readonly [Name in keyof SandboxActivities]: Step<
    Parameters<SandboxActivities[Name]>[0],
    Awaited<ReturnType<SandboxActivities[Name]>>
  >;
};

/** Longer than any call of etcd lasts. An attempt that was given up may still be at work when the next one comes. */
const TURN_MS = 8_000;

export function createSandboxSteps(deps: SandboxStepsDeps): SandboxSteps {
  const turns = new KeyedMutex();
  const inTurn = <T>(sandboxId: string, work: () => Promise<T>): Promise<T> =>
    turns.run(sandboxId, TURN_MS, () => new PodwireError('SandboxBusy', `sandbox ${sandboxId} is at work`), work);
  return withFailpoints<SandboxSteps>(
    {
      recordSandbox: (input) => inTurn(input.sandboxId, () => record(deps, input)),
      verifySandbox: ({ sandboxId }, signal) => verify(deps, sandboxId, signal),
      endSandbox: (input, signal) => inTurn(input.sandboxId, () => end(deps, input, signal)),
    },
    deps.failpoints,
  );
}

/** Activities throw ApplicationFailure or CancelledFailure. */
export const sandboxActivities = (steps: SandboxSteps): SandboxActivities => ({
  recordSandbox: withHeartbeat(steps.recordSandbox),
  verifySandbox: withHeartbeat(steps.verifySandbox),
  endSandbox: withHeartbeat(steps.endSandbox),
});

const heldBy = ({ leases }: SandboxStepsDeps, sandboxId: string): Lease[] =>
  leases.leases().filter((lease) => lease.sandboxId === sandboxId && isHeld(lease));

async function record(deps: SandboxStepsDeps, { sandboxId, hooks }: RecordSandboxInput): Promise<RecordSandboxResult> {
  const { node, records, ip } = deps;
  const known = await records.get(node, sandboxId);
  const sandbox = sandboxOf(heldBy(deps, sandboxId), sandboxId, ip);
  // Whoever ends the sandbox takes its record; what its hooks need is there until then.
  if (sandbox === undefined) return { isHeld: false, left: [] };
  const postAdd = merged(known?.postAdd, hooks);
  await records.put({ v: 1, node, ...sandbox, postAdd });
  return { isHeld: true, left: hooksLeft(postAdd) };
}

/** What was wanted first is what is wanted: hooks that came to be configured later are for pods to come. */
const merged = (known: HooksOfSandbox | undefined, now: HooksOfSandbox): HooksOfSandbox => ({
  wanted: known?.wanted ?? now.wanted,
  done: [...new Set([...(known?.done ?? []), ...now.done])],
});

async function verify(deps: SandboxStepsDeps, sandboxId: string, signal: AbortSignal): Promise<VerifySandboxResult> {
  const { runtime, links, subnets, wiring, mtu, ip } = deps;
  const leases = heldBy(deps, sandboxId);
  if (leases.length === 0) return { isListed: true, missing: [] };
  const path = (await runtime.describe(sandboxId))?.netnsPath;
  if (path === undefined) return { isListed: false, missing: [] };
  const netns = await links.open(path, signal);
  try {
    const found = [];
    for (const lease of leases) found.push(await wiring.check(netns, wiringOf(lease, subnets.ranges ?? [], mtu(), ip)));
    return { isListed: true, missing: found.flat() };
  } finally {
    await netns.close();
  }
}

async function end(
  deps: SandboxStepsDeps,
  { sandboxId, upTo, forget }: EndSandboxInput,
  signal: AbortSignal,
): Promise<void> {
  const { node, records, failpoints } = deps;
  for (const lease of heldBy(deps, sandboxId)) if (lease.sequence <= upTo) await letGo(deps, lease, signal);
  await failpoints.hit('endSandbox:after-release');
  // It has been made anew since: its own run sees to it.
  if (heldBy(deps, sandboxId).length > 0) return;
  await records.remove(node, sandboxId, forget ? undefined : 'record');
}
