/** What has come in since somebody last looked. Signal handlers only raise flags; one loop acts on the flags. */
export class Wake {
  #changed = false;
  #retry = false;
  #cancelled = false;

  /** The pod, its networks or its sandbox changed, or may have changed. */
  change(): void {
    this.#changed = true;
  }

  /** A person asked for another attempt. */
  retry(): void {
    this.#retry = true;
  }

  /** Somebody cancelled the run: clean up what is half done, then end. */
  cancel(): void {
    this.#cancelled = true;
  }

  /** A signal came in. */
  get raised(): boolean {
    return this.#changed || this.#retry;
  }

  get cancelled(): boolean {
    return this.#cancelled;
  }

  /** A signal or a cancellation came in: whatever waits gives way. */
  get hasRequest(): boolean {
    return this.raised || this.cancelled;
  }

  get retryWanted(): boolean {
    return this.#retry;
  }

  /** Takes what was raised; from here on, only newer requests count. */
  take(): { readonly retry: boolean } {
    const retry = this.#retry;
    this.#changed = false;
    this.#retry = false;
    return { retry };
  }
}
