/** The calls of a node's runtime, by whichever way they come: in order, a few at once, each with its limit. */
import { AsyncResource } from 'node:async_hooks';
import { resultInVersion } from '../../domain/cni/result-version.ts';
import type { JsonObject } from '../../domain/cni/attachment.ts';
import { MAX_LIMIT_MS, readVersion } from '../../domain/cni-server/configuration.ts';
import { CNI_CODES, CniAnswerError, type LeavePlace, type PodCni } from '../../domain/cni-server/pod-cni.ts';
import type { AnsweredError, ServerAnswer } from '../../domain/cni-server/protocol.ts';
import type { ServedCommand } from '../../domain/cni-server/versions.ts';
import { withinSignal } from '../concurrency/within-signal.ts';
import { readTraceParent } from '../../domain/text/trace-parent.ts';
import type { Logger } from '../log/logger.ts';
import { NO_TRACING, type Tracing } from '../tracing/tracing.ts';
import { CallQueue, QueueFull } from './call-queue.ts';
import type { CheckedRequest } from './request-schemas.ts';

export interface CniObserver {
  /** @param code 0 for a success, else the specification's */
  answered(command: ServedCommand, code: number, seconds: number): void;
}

/** Whoever asked does not wait for the answer any more. */
export class AskerGone extends Error {}

export interface CniOperationsOptions {
  readonly podCni: PodCni;
  readonly observer: CniObserver;
  readonly log: Pick<Logger, 'debug' | 'info' | 'warn'>;
  /** Absent: no traces are recorded. */
  readonly tracing?: Tracing;
}

/**
 * Calls that are told of at `info`, two for each sandbox: a pod that has the primary network only has no other line that says its name and
 * its sandbox's id.
 */
const OF_PODS: readonly ServedCommand[] = ['ADD', 'DEL'];
const AT_WORK = 8;
/** A node that starts all of its pods at once has 110, and each may be asked for twice. */
const WAITING = 512;
const GRACE_MS = 5_000;

export class CniOperations {
  readonly #options: CniOperationsOptions;
  readonly #queue = new CallQueue({ atWork: AT_WORK, waiting: WAITING, graceMs: GRACE_MS });
  readonly #underWay = new Set<AbortController>();
  #isEnding = false;

  constructor(options: CniOperationsOptions) {
    this.#options = options;
  }

  get atWork(): number {
    return this.#queue.atWork;
  }

  get waiting(): number {
    return this.#queue.waiting;
  }

  /** Gives up whatever is under way, and whatever comes: the runtime is told to come again. */
  end(): void {
    this.#isEnding = true;
    for (const call of this.#underWay) call.abort(ending());
  }

  /**
   * Never rejects.
   *
   * @param read makes a request of what has come; what it throws is the answer
   * @param gone aborted when nobody waits for the answer any more
   */
  async serve(command: ServedCommand, read: () => CheckedRequest, gone: AbortSignal): Promise<ServerAnswer> {
    const began = performance.now();
    const { observer, log } = this.#options;
    let request: CheckedRequest | undefined;
    let error: AnsweredError | undefined;
    let result: ServerAnswer = {};
    try {
      const asked = (request = read());
      result = await this.#traced(asked, () => this.#limited(asked, gone));
    } catch (thrown) {
      error = this.#answerOf(command, thrown);
    }
    const seconds = (performance.now() - began) / 1_000;
    observer.answered(command, error?.code ?? 0, seconds);
    const about = { command, ...(request === undefined ? {} : aboutOf(request)), ms: Math.round(seconds * 1_000) };
    if (error === undefined) log[OF_PODS.includes(command) ? 'info' : 'debug'](about, 'CNI call served');
    else log.warn({ ...about, code: error.code, why: error.msg }, 'CNI call answered with an error');
    return error === undefined ? result : { error };
  }

  /** What a pod's networks wait for begins with its container's call: below the runtime's span, where it has told of one. */
  #traced(request: CheckedRequest, work: () => Promise<ServerAnswer>): Promise<ServerAnswer> {
    const { tracing = NO_TRACING } = this.#options;
    if (!tracing.isOn || !('call' in request)) return work();
    const { command, call, traceparent } = request;
    const { pod, containerId: sandboxId, ifName: interfaceName } = call;
    const attributes = {
      'podwire.pod': `${pod.namespace}/${pod.name}`,
      ...{ 'podwire.sandboxId': sandboxId, 'podwire.interfaceName': interfaceName },
    };
    const parent = traceparent === undefined ? undefined : readTraceParent(traceparent);
    return tracing.span(`CNI ${command}`, { kind: 'server', attributes, parent, codeOf }, work);
  }

  async #limited(request: CheckedRequest, gone: AbortSignal): Promise<ServerAnswer> {
    if (this.#isEnding) throw ending();
    const call = new AbortController();
    const limitMs = Math.min(request.limitMs, MAX_LIMIT_MS);
    const timer = setTimeout(
      () => call.abort(tryLater(`${request.command} was not done within ${(limitMs / 1_000).toFixed(1)} s`)),
      limitMs,
    );
    const leave = (): void => call.abort(gone.reason);
    gone.addEventListener('abort', leave);
    if (gone.aborted) leave();
    this.#underWay.add(call);
    try {
      return await this.#run(request, call.signal);
    } finally {
      clearTimeout(timer);
      gone.removeEventListener('abort', leave);
      this.#underWay.delete(call);
    }
  }

  async #run(request: CheckedRequest, signal: AbortSignal): Promise<ServerAnswer> {
    const { podCni } = this.#options;
    // Answered at once whatever else is at work: the runtime asks it to know whether the node is ready.
    if (request.command === 'STATUS') {
      await withinSignal(podCni.status(request.config, signal), signal);
      return {};
    }
    const [key, work] = workOf(podCni, request, signal);
    // Called when another call leaves its place, whose trace is not this one's.
    return this.#queue.run(key, signal, AsyncResource.bind(work));
  }

  #answerOf(command: ServedCommand, thrown: unknown): AnsweredError {
    if (thrown instanceof AskerGone || thrown instanceof QueueFull)
      return { code: CNI_CODES.tryAgainLater, msg: thrown.message };
    if (thrown instanceof CniAnswerError) {
      const { code, message: msg, details } = thrown;
      return { code, msg, ...(details === undefined ? {} : { details }) };
    }
    this.#options.log.warn({ command, err: thrown }, 'a CNI call failed with what is no answer');
    return { code: CNI_CODES.failed, msg: thrown instanceof Error ? thrown.message : String(thrown) };
  }
}

const codeOf = (error: unknown): string => (error instanceof CniAnswerError ? `CNI ${error.code}` : 'Unexpected');

/** A container's calls have one key, a network's collections of garbage another. */
function workOf(
  podCni: PodCni,
  request: Exclude<CheckedRequest, { readonly command: 'STATUS' }>,
  signal: AbortSignal,
): [key: string, work: (leavePlace: LeavePlace) => Promise<ServerAnswer>] {
  if (request.command === 'GC') {
    const { config, valid } = request;
    const key = `network/${String(config['name'])}`;
    return [key, () => podCni.gc(config, valid, signal).then(() => ({}))];
  }
  const { command, call } = request;
  const key = `container/${call.containerId}`;
  if (command === 'ADD')
    return [
      key,
      (leave) => podCni.add(call, signal, leave).then((result) => ({ result: asAsked(call.config, result) })),
    ];
  if (command === 'DEL') return [key, (leave) => podCni.del(call, signal, leave).then(() => ({}))];
  return [key, () => podCni.check(call, signal).then(() => ({}))];
}

const asAsked = (config: Readonly<Record<string, unknown>>, result: Readonly<Record<string, unknown>>): JsonObject =>
  resultInVersion(result as JsonObject, readVersion(config as JsonObject, 'ADD'));

/** Named as in the lines about steps. */
function aboutOf(request: CheckedRequest): object {
  if (!('call' in request)) return { network: request.config['name'] };
  const { pod, ifName: interfaceName, containerId: sandboxId } = request.call;
  return {
    ...(pod.name === '' ? {} : { pod: `${pod.namespace}/${pod.name}` }),
    ...(pod.uid === undefined ? {} : { podUid: pod.uid }),
    ...{ interfaceName, sandboxId },
  };
}

const ending = (): CniAnswerError => tryLater('the node worker is ending');

const tryLater = (why: string): CniAnswerError => new CniAnswerError(CNI_CODES.tryAgainLater, why);
