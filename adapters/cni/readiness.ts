/**
 * STATUS before ADD (CNI SPEC 1.1, section 2): a network whose plugin says that it cannot serve is waited for before anything is begun.
 * What is ready is taken to be so for a while, so that a burst asks once.
 */
import { PodwireError } from '../../domain/failures.ts';
import { CniPluginError, NOT_AVAILABLE, NOT_AVAILABLE_AND_LIMITED } from './plugin-error.ts';

const READY_MS = 10_000;
const MAX_REMEMBERED = 200;

interface Asked {
  readonly answer: Promise<void>;
  readonly at: number;
}

export class Readiness {
  readonly #asked = new Map<string, Asked>();

  /**
   * @param network what decides about the answer: its configuration
   * @param ask runs STATUS; nobody's interruption but its own
   * @throws PodwireError CniTryAgain when a plugin answers 50 or 51. Whatever else goes wrong, ADD will tell better.
   */
  async of(network: string, ask: () => Promise<void>): Promise<void> {
    const known = this.#asked.get(network);
    if (known !== undefined && performance.now() - known.at < READY_MS) return known.answer;
    const asked = { answer: ask().catch(onlyNotReady), at: performance.now() };
    if (this.#asked.size >= MAX_REMEMBERED) this.#asked.clear();
    this.#asked.set(network, asked);
    // The next attempt asks anew.
    asked.answer.catch(() => {
      if (this.#asked.get(network) === asked) this.#asked.delete(network);
    });
    return asked.answer;
  }
}

function onlyNotReady(error: unknown): void {
  if (!(error instanceof PodwireError)) throw error;
  const code = error instanceof CniPluginError ? error.pluginCode : undefined;
  if (code === NOT_AVAILABLE || code === NOT_AVAILABLE_AND_LIMITED) throw error;
}
