/** Keys with the time at which each is due, the earliest first. A key stands here at most once, with its earliest time. */
export class DelayHeap {
  /** A binary heap; entries whose time is no longer that of their key are leftovers and are skipped. */
  #entries: { readonly key: string; readonly atMs: number }[] = [];
  readonly #due = new Map<string, number>();

  get size(): number {
    return this.#due.size;
  }

  has(key: string): boolean {
    return this.#due.has(key);
  }

  /** Keeps the earlier of this time and the one known. */
  add(key: string, atMs: number): void {
    const known = this.#due.get(key);
    if (known !== undefined && known <= atMs) return;
    this.#due.set(key, atMs);
    if (this.#entries.length > leftoversMax + 2 * this.#due.size) this.#rebuild();
    else this.#push({ key, atMs });
  }

  remove(key: string): void {
    this.#due.delete(key);
  }

  /** When the first key is due; undefined when there is none. */
  earliestMs(): number | undefined {
    this.#dropLeftovers();
    return this.#entries[0]?.atMs;
  }

  /** Takes out the first key if it is due at this time. */
  take(nowMs: number): string | undefined {
    this.#dropLeftovers();
    const first = this.#entries[0];
    if (first === undefined || first.atMs > nowMs) return undefined;
    this.#pop();
    this.#due.delete(first.key);
    return first.key;
  }

  clear(): void {
    this.#entries = [];
    this.#due.clear();
  }

  #dropLeftovers(): void {
    for (let first = this.#entries[0]; first !== undefined && this.#due.get(first.key) !== first.atMs; first = this.#entries[0])
      this.#pop();
  }

  #rebuild(): void {
    this.#entries = [...this.#due].map(([key, atMs]) => ({ key, atMs })).toSorted((a, b) => a.atMs - b.atMs);
  }

  #push(entry: { readonly key: string; readonly atMs: number }): void {
    const heap = this.#entries;
    let index = heap.push(entry) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || above.atMs <= entry.atMs) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = entry;
  }

  #pop(): void {
    const heap = this.#entries;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      const left = 2 * index + 1;
      const right = left + 1;
      const smaller = (heap[right]?.atMs ?? Infinity) < (heap[left]?.atMs ?? Infinity) ? right : left;
      const below = heap[smaller];
      if (below === undefined || below.atMs >= last.atMs) break;
      heap[index] = below;
      index = smaller;
    }
    heap[index] = last;
  }
}

/** Leftovers beyond this and the number of keys make the heap be built anew. */
const leftoversMax = 64;
