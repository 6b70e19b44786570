/** Names of objects that changed and wait to be reflected, oldest first. */
export class DirtyNames {
  readonly #waiting: Set<string>;
  /** Names that were worked on during a resync. The resync may have read the objects before that, so they are looked at once more after it. */
  readonly #beside = new Set<string>();
  #resyncing = false;

  constructor(names: readonly string[]) {
    this.#waiting = new Set(names);
  }

  get count(): number {
    return this.#waiting.size;
  }

  all(): string[] {
    return [...this.#waiting];
  }

  add(names: Iterable<string>): void {
    for (const name of names) this.#waiting.add(name);
  }

  clear(): void {
    this.#waiting.clear();
  }

  /** Takes the oldest names out of the queue, at most `most`. */
  take(most: number): string[] {
    const names: string[] = [];
    for (const name of this.#waiting) {
      if (names.length === most) break;
      names.push(name);
    }
    for (const name of names) {
      this.#waiting.delete(name);
      if (this.#resyncing) this.#beside.add(name);
    }
    return names;
  }

  /** Puts names before all others again. */
  putBack(names: readonly string[]): void {
    const later = this.all();
    this.clear();
    this.add([...names, ...later]);
  }

  resyncBegins(): void {
    this.#resyncing = true;
    this.#beside.clear();
  }

  /** @param compared the resync has compared everything; otherwise another resync follows */
  resyncEnds(compared: boolean): void {
    this.#resyncing = false;
    if (compared) this.add(this.#beside);
  }
}
