/** What a person sees of a sandbox's run: the state as search attribute, details in the UI, and the report at its end. */
import { defineSearchAttributeKey } from '@temporalio/common';
import { setCurrentDetails, upsertSearchAttributes } from '@temporalio/workflow';
import { SEARCH_STATE, type ProvisioningState } from '../../domain/messages.ts';
import type { PodSandboxInput, SandboxReport } from '../../domain/primary/sandbox-run.ts';

const stateKey = defineSearchAttributeKey(SEARCH_STATE, 'KEYWORD');
/** Of a line; the server takes some kilobytes of details. */
const MAX_REASON = 300;
/** In a report. */
const MAX_LINES = 20;

export class SandboxProgress {
  readonly #of: string;
  readonly #failing = new Map<string, string>();
  readonly #givenUp: string[] = [];
  #missing: readonly string[] = [];
  #state: SandboxReport['state'] = 'ended';
  /** What the search attribute says; undefined: nothing was ever wrong. */
  #shown: ProvisioningState | undefined;

  constructor({ sandboxId, node }: PodSandboxInput) {
    this.#of = `sandbox ${sandboxId} on node ${node}`;
  }

  /** Something keeps failing; another word for the same thing takes the place of the one before. */
  fails(what: string, why: string, state: ProvisioningState = 'Stuck'): void {
    if (this.#failing.get(what) === why) return;
    this.#failing.set(what, why);
    this.#show(state);
  }

  works(what: string): void {
    if (this.#failing.delete(what)) this.#show(this.#failing.size === 0 ? 'Converging' : 'Stuck');
  }

  /** It is not tried again. */
  gaveUp(why: string): void {
    if (this.#givenUp.length < MAX_LINES) this.#givenUp.push(why.slice(0, MAX_REASON));
    this.#show('Refused');
  }

  missing(found: readonly string[]): void {
    this.#missing = found.slice(0, MAX_LINES);
    if (found.length > 0) this.#show('Refused');
  }

  /** How far the run has come. */
  ended(state: SandboxReport['state']): void {
    this.#state = state;
    if (state !== 'ended') return;
    for (const why of this.#failing.values()) this.gaveUp(`${why}; the sandbox has ended`);
    this.#failing.clear();
  }

  report(): SandboxReport {
    const stands: ProvisioningState = this.#state === 'node-gone' ? 'NodeUnavailable' : 'Converged';
    const refused = this.#givenUp.length + this.#missing.length > 0;
    if (this.#shown !== undefined) this.#show(refused ? 'Refused' : stands);
    return { state: this.#state, missing: this.#missing, givenUp: this.#givenUp };
  }

  #show(state: ProvisioningState): void {
    const lines = [...this.#failing.values(), ...this.#givenUp, ...this.#missing.map((each) => `not there: ${each}`)];
    setCurrentDetails(
      [`**${state}**: ${this.#of}`, ...lines.map((line) => `- ${line.slice(0, MAX_REASON)}`)].join('\n'),
    );
    if (this.#shown !== state) upsertSearchAttributes([{ key: stateKey, value: state }]);
    this.#shown = state;
  }
}
