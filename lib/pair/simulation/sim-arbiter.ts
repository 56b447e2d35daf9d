import type { ArbiterAnswer } from '../events.ts';
import { newRecord } from '../pair-record.ts';
import type { PairRecord, SeenRecord } from '../pair-record.ts';
import type { Sabotage } from './sabotage.ts';
import type { Schedule } from './schedule.ts';

/** A member gives up on an answer after this; the request may be carried out all the same. */
const requestTimeoutMs = 1_000;

/** An arbiter with delays, lost requests, lost answers and requests that are carried out much later. */
export class SimArbiter {
  record: PairRecord = newRecord;
  version = 1;
  /** Percent of requests that go wrong in each way, while faults are on. */
  troublePercent = 0;
  readonly #schedule: Schedule;
  readonly #broken: Sabotage | undefined;
  readonly #changed: (from: PairRecord, to: PairRecord) => void;

  constructor(schedule: Schedule, broken: Sabotage | undefined, changed: (from: PairRecord, to: PairRecord) => void) {
    this.#schedule = schedule;
    this.#broken = broken;
    this.#changed = changed;
  }

  get seen(): SeenRecord {
    return { record: this.record, version: String(this.version) };
  }

  read(reachable: boolean, answer: (answer: ArbiterAnswer) => void): void {
    this.#request(reachable, () => ({ kind: 'current', seen: this.seen }), answer);
  }

  /** The record stands here from the start: whoever asks for the first one is told so. */
  create(reachable: boolean, _record: PairRecord, answer: (answer: ArbiterAnswer) => void): void {
    this.read(reachable, answer);
  }

  swap(reachable: boolean, expect: SeenRecord, next: PairRecord, settles: boolean, answer: (answer: ArbiterAnswer) => void): void {
    const carryOut = (): ArbiterAnswer => {
      if (expect.version !== String(this.version)) return { kind: 'current', seen: this.seen };
      if (settles && this.#broken === 'settle') return { kind: 'won', seen: this.seen };
      const from = this.record;
      this.record = next;
      this.version += 1;
      this.#changed(from, next);
      return { kind: 'won', seen: this.seen };
    };
    this.#request(reachable, carryOut, answer);
  }

  #request(reachable: boolean, carryOut: () => ArbiterAnswer, answer: (answer: ArbiterAnswer) => void): void {
    const schedule = this.#schedule;
    const there = schedule.between(1, 15);
    const back = schedule.between(1, 15);
    const fails = (): void => answer({ kind: 'failed', carriedOut: 'maybe', why: 'no answer' });
    if (!reachable) {
      if (schedule.chance(50)) schedule.after(there, () => answer({ kind: 'failed', carriedOut: 'no', why: 'connection refused' }));
      else schedule.after(requestTimeoutMs, fails);
      return;
    }
    const trouble = schedule.chance(this.troublePercent) ? schedule.between(1, 3) : 0;
    if (trouble === 0) {
      schedule.after(there, () => {
        const result = carryOut();
        schedule.after(back, () => answer(result));
      });
      return;
    }
    schedule.after(requestTimeoutMs, fails);
    if (trouble === 1) schedule.after(there, () => void carryOut());
    if (trouble === 2) schedule.after(schedule.between(1_000, 20_000), () => void carryOut());
  }
}
