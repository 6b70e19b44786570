/** The container runtime, as far as it knows pod sandboxes. Every call may fail with CriUnavailable. */
export interface SandboxSummary {
  readonly id: string;
  readonly podUid: string;
  readonly namespace: string;
  readonly name: string;
  readonly ready: boolean;
  /** Nanoseconds since the epoch, decimal text. */
  readonly createdAt: string;
}

/** As a list of the runtime's tells it. */
export interface ListedSandbox extends SandboxSummary {
  /** Whether its pod asked for networks when the sandbox was made; what the pod came to ask for later is not told. */
  readonly asks: boolean;
}

export interface SandboxDetails extends SandboxSummary {
  readonly hostNetwork: boolean;
  /** Path of the sandbox's netns; undefined while the runtime has none for it, and for host network. */
  readonly netnsPath: string | undefined;
  readonly podIPs: readonly string[];
  /** A process in the netns, where the runtime tells one. */
  readonly pid?: number;
  /** The runtime does not tell of it as Ready yet: what is told is what it said itself when it had the sandbox's network made (ADR 52). */
  readonly announced?: true;
}

export interface SandboxRuntime {
  /** All Ready sandboxes of the node, or those of one pod. */
  listReady(podUid?: string): Promise<readonly ListedSandbox[]>;
  /** undefined when the runtime does not know that sandbox (any more). */
  describe(sandboxId: string): Promise<SandboxDetails | undefined>;
  /** Resolves when a sandbox of the pod is announced (ADR 52), or the signal aborts. Absent where none ever is. */
  readonly untilAnnounced?: (podUid: string, signal: AbortSignal) => Promise<void>;
}

/** Containers of a pod, as far as a gate needs them. */
export interface ContainerRuntime {
  /** Id of the running container of that name; undefined when none runs. */
  runningContainer(podUid: string, name: string): Promise<string | undefined>;
  /** Runs a program in a container; `code` undefined: the container ended meanwhile. */
  exec(
    containerId: string,
    argv: readonly string[],
    timeoutSeconds: number,
  ): Promise<{ readonly code: number | undefined; readonly stderr: string }>;
}

/** The sandbox that counts when a pod has several: the newest Ready one. */
export function newestReady<T extends SandboxSummary>(sandboxes: readonly T[]): T | undefined {
  return sandboxes
    .filter((sandbox) => sandbox.ready)
    .reduce<T | undefined>(
      (best, next) => (best === undefined || BigInt(next.createdAt) > BigInt(best.createdAt) ? next : best),
      undefined,
    );
}
