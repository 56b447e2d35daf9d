import type { Random } from '#lib/base/random.ts';

type Task = () => void;

/** Simulated time: a heap of tasks, equal instants in the order they were added. Nothing here waits for a real clock. */
export class Schedule {
  readonly random: Random;
  nowMs = 0;
  #order = 0;
  readonly #heap: { readonly atMs: number; readonly order: number; readonly task: Task }[] = [];

  constructor(random: Random) {
    this.random = random;
  }

  /** Runs `task` after `delayMs`. */
  after(delayMs: number, task: Task): void {
    this.#order += 1;
    const entry = { atMs: this.nowMs + delayMs, order: this.#order, task };
    const heap = this.#heap;
    let at = heap.push(entry) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(entry, heap[parent])) break;
      heap[at] = heap[parent] ?? entry;
      at = parent;
    }
    heap[at] = entry;
  }

  /** A whole number from `min` to `max`, both included. */
  between(min: number, max: number): number {
    return min + this.random.below(max - min + 1);
  }

  /** True in `percent` of cases. */
  chance(percent: number): boolean {
    return this.random.below(100) < percent;
  }

  /** Runs the next task; false when none is left before `untilMs`. */
  runNext(untilMs: number): boolean {
    const heap = this.#heap;
    const first = heap[0];
    if (first === undefined || first.atMs > untilMs) return false;
    const last = heap.pop();
    if (last !== undefined && last !== first) this.#sink(last);
    this.nowMs = first.atMs;
    first.task();
    return true;
  }

  #sink(entry: { readonly atMs: number; readonly order: number; readonly task: Task }): void {
    const heap = this.#heap;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1], heap[child])) child += 1;
      if (!before(heap[child], entry)) break;
      heap[at] = heap[child] ?? entry;
      at = child;
    }
    heap[at] = entry;
  }
}

function before(a: { readonly atMs: number; readonly order: number } | undefined, b: typeof a): boolean {
  if (a === undefined || b === undefined) return false;
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
