/** Slots of the last minute; the oldest is dropped when a new one begins. */
const slotMs = 5_000;
const slotsMax = 12;

interface Slot {
  readonly number: number;
  readonly calls: number;
  readonly failures: number;
}

/**
 * Calls and failures of the last minute, from a terminal's totals of its run. The first report of a run that this server sees only
 * sets the starting point: when in the run its calls failed, nobody here has seen.
 */
export class CallWindow {
  #slots: Slot[] = [];
  #runKey = '';
  #calls = 0;
  #failures = 0;

  report(runKey: string, calls: number, failures: number, watchMs: number): void {
    const isSameRun = runKey === this.#runKey && calls >= this.#calls && failures >= this.#failures;
    const newCalls = isSameRun ? calls - this.#calls : 0;
    const newFailures = isSameRun ? failures - this.#failures : 0;
    this.#runKey = runKey;
    this.#calls = calls;
    this.#failures = failures;
    const number = Math.floor(watchMs / slotMs);
    const last = this.#slots.at(-1);
    if (last?.number === number) {
      this.#slots[this.#slots.length - 1] = { number, calls: last.calls + newCalls, failures: last.failures + newFailures };
    } else {
      this.#slots.push({ number, calls: newCalls, failures: newFailures });
      if (this.#slots.length > slotsMax) this.#slots.shift();
    }
  }

  recent(watchMs: number): { readonly calls: number; readonly failures: number } {
    const oldest = Math.floor(watchMs / slotMs) - slotsMax + 1;
    let calls = 0;
    let failures = 0;
    for (const slot of this.#slots) {
      if (slot.number < oldest) continue;
      calls += slot.calls;
      failures += slot.failures;
    }
    return { calls, failures };
  }
}
