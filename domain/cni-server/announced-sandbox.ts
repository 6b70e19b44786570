/** A sandbox as the container runtime told of it in a call of CNI, before its own list has it as Ready (ADR 52). */
import { uidInRuntime, type SoughtPod } from '../pod/static-pods.ts';
import type { SandboxDetails } from '../ports/sandbox-runtime.ts';

export interface AnnouncedSandbox extends SoughtPod {
  readonly v: 1;
  readonly sandboxId: string;
  /** Identifies the boot: a sandbox does not outlive it. */
  readonly bootId: string;
  readonly netnsPath: string;
  /** What the pod's own network gave it, primary first. */
  readonly podIPs: readonly string[];
  /** When it was announced first, in nanoseconds since the epoch, decimal text. */
  readonly createdAt: string;
  /** It is being taken down: nothing is made in it any more. */
  readonly ending: boolean;
  /** When the last call about it ended, in milliseconds since the epoch; undefined: one is under way, or its end was not seen. */
  readonly endedAt?: number;
}

/** Time after the end of the last call within which the runtime has the sandbox as Ready, or never. */
const CONFIRMED_WITHIN_MS = 60_000;

/** Whether nobody will come back to it. @param now milliseconds since the epoch */
export const isForgotten = ({ endedAt }: AnnouncedSandbox, now: number): boolean =>
  endedAt !== undefined && now - endedAt > CONFIRMED_WITHIN_MS;

/** As the runtime will tell it. */
export function asDetails(announced: AnnouncedSandbox): SandboxDetails {
  const { sandboxId: id, namespace, name, netnsPath, podIPs, createdAt, ending } = announced;
  return {
    ...{ id, podUid: uidInRuntime(announced), namespace, name, netnsPath, podIPs, createdAt },
    ...{ ready: !ending, hostNetwork: false, announced: true },
  };
}
