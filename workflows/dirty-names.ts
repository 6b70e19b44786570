/** Names of objects that changed and wait to be reflected, oldest first. */
export class DirtyNames {
  readonly #waiting: Set<string>;
  /** Names that were worked on during the resync: it may have read them before, so they are looked at once more after it. */
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

  /** The oldest, `most` of them; they wait no longer. */
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

  /** Before all others again. */
  putBack(names: readonly string[]): void {
    const later = this.all();
    this.clear();
    this.add([...names, ...later]);
  }

  resyncBegins(): void {
    this.#resyncing = true;
    this.#beside.clear();
  }

  /** @param compared everything; otherwise another resync follows */
  resyncEnds(compared: boolean): void {
    this.#resyncing = false;
    if (compared) this.add(this.#beside);
  }
}
