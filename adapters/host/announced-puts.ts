/** Who waits for a sandbox to be announced. */
import type { AnnouncedSandbox } from '../../domain/cni-server/announced-sandbox.ts';

type Listener = (announced: AnnouncedSandbox) => void;

export class AnnouncedPuts {
  readonly #listeners = new Set<Listener>();

  tell(announced: AnnouncedSandbox): void {
    for (const listener of [...this.#listeners]) listener(announced);
  }

  /** Resolves with the first one told of that `isSought` says yes to, or when the signal aborts. */
  until(isSought: (announced: AnnouncedSandbox) => boolean, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const end = (): void => {
        this.#listeners.delete(listener);
        signal.removeEventListener('abort', end);
        resolve();
      };
      const listener: Listener = (announced) => {
        if (isSought(announced)) end();
      };
      this.#listeners.add(listener);
      signal.addEventListener('abort', end, { once: true });
    });
  }
}
