/** What the CNI server of a node does for the shims that a runtime starts there (CNI 1.1, section 2, "Execution protocol"). */

/** One call of a runtime, as its environment and its network configuration say it. */
export interface PodCniCall {
  /** `CNI_CONTAINERID`: the sandbox's id at the container runtime. */
  readonly containerId: string;
  /** `CNI_NETNS`: an absolute path; undefined where a DEL comes without one. */
  readonly netns: string | undefined;
  /** `CNI_IFNAME`: the interface of the chain's first plugin, `eth0`. */
  readonly ifName: string;
  /** From `CNI_ARGS`. `uid` is the runtime's; that of a static pod is not the API's. Both names are empty in a DEL that does not say them. */
  readonly pod: { readonly namespace: string; readonly name: string; readonly uid: string | undefined };
  /** The network configuration's own keys, `prevResult` with them, as JSON. */
  readonly config: Readonly<Record<string, unknown>>;
}

/**
 * A few calls are at work on a node at once. One that from now on only waits for others leaves its place: pods whose networks do not come do not
 * hold up the other ones. May be called again.
 */
export type LeavePlace = () => void;

/**
 * Calls of one container come one after the other: a DEL that comes during its ADD begins after it. Each method throws CniAnswerError
 * with the specification's code, and ends with an error soon after the signal is aborted.
 */
export interface PodCni {
  /** @returns the result as JSON, in the version of the configuration */
  add(call: PodCniCall, signal: AbortSignal, leavePlace: LeavePlace): Promise<Readonly<Record<string, unknown>>>;
  /** Success where nothing is known of the container. */
  del(call: PodCniCall, signal: AbortSignal, leavePlace: LeavePlace): Promise<void>;
  check(call: PodCniCall, signal: AbortSignal): Promise<void>;
  /** @param valid the attachments that the runtime still knows; all others of this network configuration are cleaned up */
  gc(
    config: PodCniCall['config'],
    valid: readonly { readonly containerId: string; readonly ifName: string }[],
    signal: AbortSignal,
  ): Promise<void>;
  /** Throws where an ADD would not be served now (codes 50 and 51). */
  status(config: PodCniCall['config'], signal: AbortSignal): Promise<void>;
}

/** The specification's error codes (section "Error"), those that podwire answers with. */
export const CNI_CODES = {
  incompatibleVersion: 1,
  unsupportedField: 2,
  unknownContainer: 3,
  invalidEnvironment: 4,
  io: 5,
  decode: 6,
  invalidConfig: 7,
  tryAgainLater: 11,
  notAvailable: 50,
  notAvailableLimited: 51,
  /** From 100 on codes are a plugin's own. */
  failed: 100,
} as const;

/** An answer that is an error object of the specification. */
export class CniAnswerError extends Error {
  readonly code: number;
  readonly details: string | undefined;

  constructor(code: number, message: string, details?: string) {
    super(message);
    this.name = 'CniAnswerError';
    this.code = code;
    this.details = details;
  }
}
