/**
 * The body of KSR's probes: the state of the process and of its parts, in the shape of `AgentStatus` of ligato's cn-infra
 * (health/statuscheck/model/status). Times are whole seconds since the epoch.
 */
export const STATES = { init: 0, ok: 1, error: 2 } as const;
export type State = keyof typeof STATES;

/** How one part is at the moment. */
export interface PartState {
  /** For people and for `service_dependency_health`: `etcd`, `ksr-pod`. */
  readonly name: string;
  readonly state: State;
  /** Why, when it is not `ok`. */
  readonly error?: string | undefined;
  /** Whether a restart of the process could help; only such a part fails the liveness probe. */
  readonly restartHelps: boolean;
}

export interface BuildInfo {
  readonly version: string;
  readonly date: string;
  readonly commit: string;
}

interface PluginStatus {
  readonly name: string;
  readonly state: number;
  readonly last_change: number;
  readonly last_update: number;
  readonly error?: string;
}

/** Keys are KSR's; `state` is there also when it is 0, which Go's encoder leaves out: readers take both the same way. */
export interface AgentStatus {
  readonly build_version?: string;
  readonly build_date?: string;
  readonly state: number;
  readonly start_time: number;
  readonly last_change: number;
  readonly last_update: number;
  readonly commit_hash?: string;
  readonly plugins: readonly PluginStatus[];
}

/** Remembers when which part changed. */
export class AgentStatusRecord {
  readonly #build: BuildInfo;
  readonly #start: number;
  readonly #changes = new Map<string, { readonly state: string; readonly at: number }>();
  #overall: { state: State; at: number };

  /** @param now seconds since the epoch */
  constructor(build: BuildInfo, now: number) {
    this.#build = build;
    this.#start = now;
    this.#overall = { state: 'init', at: now };
  }

  /** @param now seconds since the epoch */
  status(parts: readonly PartState[], now: number): AgentStatus {
    const state = overallState(parts);
    if (state !== this.#overall.state) this.#overall = { state, at: now };
    const { version, date, commit } = this.#build;
    return {
      ...(version === '' ? {} : { build_version: version }),
      ...(date === '' ? {} : { build_date: date }),
      state: STATES[state],
      start_time: this.#start,
      last_change: this.#overall.at,
      last_update: now,
      ...(commit === '' ? {} : { commit_hash: commit }),
      plugins: parts.map((part) => this.#plugin(part, now)),
    };
  }

  #plugin({ name, state, error = '' }: PartState, now: number): PluginStatus {
    const mark = `${state} ${error}`;
    const before = this.#changes.get(name);
    const change = before?.state === mark ? before : { state: mark, at: now };
    this.#changes.set(name, change);
    const shown = state === 'ok' || error === '' ? {} : { error };
    return { name, state: STATES[state], last_change: change.at, last_update: now, ...shown };
  }
}

/** One part in error: error; else one that is not ready yet: init. */
export function overallState(parts: readonly Pick<PartState, 'state'>[]): State {
  if (parts.some(({ state }) => state === 'error')) return 'error';
  return parts.some(({ state }) => state === 'init') ? 'init' : 'ok';
}

/** Whether a restart is no use: KSR's later releases, too, leave a lost etcd out of this probe. */
export const isAlive = (parts: readonly PartState[]): boolean =>
  !parts.some(({ state, restartHelps }) => restartHelps && state === 'error');
