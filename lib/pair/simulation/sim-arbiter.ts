import type { ArbiterAnswer } from '../events.ts';
import { newRecord } from '../pair-record.ts';
import type { PairRecord, SeenRecord } from '../pair-record.ts';
import type { Sabotage } from './sabotage.ts';
import type { Schedule } from './schedule.ts';

/** A member gives up on an answer after this; the request may be carried out all the same. */
export const requestTimeoutMs = 1_000;

/** The longest that a slow arbiter takes for each way, so that some answers come shortly after they were given up. */
const slowWayMs = 650;

/** Records kept so that an older one can be put back. */
const historyMax = 30;

/** How a member's requests get to it. `late`: they are carried out, after a while or at once, and no answer comes back. */
export type Reach = 'no' | 'yes' | 'late';

/** A request that comes late is carried out after this at most. */
const lateMaxMs = 6_000;

type Answer = (answer: ArbiterAnswer) => void;

/** A request that has reached the arbiter's machine and was not carried out yet. */
interface Pending {
  readonly carryOut: () => ArbiterAnswer;
  over: boolean;
}

/** An arbiter with delays, lost requests, lost answers, requests that are carried out much later or out of turn, restarts and outages. */
export class SimArbiter {
  record: PairRecord = newRecord;
  version = 1;
  /** There is none; `record` is what stood there last. */
  absent: boolean;
  /** It is kept where the members create the first record themselves, and nothing tells a record that was deleted from one that never was. */
  readonly vacancy: boolean;
  /** Percent of requests that go wrong in each way, while faults are on. */
  troublePercent = 0;
  /** Until then it answers nobody. */
  downUntilMs = 0;
  /** It takes about as long as members wait. */
  slow = false;
  /** Newest last. */
  readonly history: PairRecord[] = [newRecord];
  readonly #schedule: Schedule;
  readonly #broken: Sabotage | undefined;
  readonly #changed: (from: PairRecord, to: PairRecord) => void;
  #pending: Pending[] = [];

  constructor(
    schedule: Schedule,
    about: { readonly broken: Sabotage | undefined; readonly vacancy: boolean },
    changed: (from: PairRecord, to: PairRecord) => void,
  ) {
    const { broken, vacancy } = about;
    this.vacancy = vacancy;
    this.absent = vacancy;
    this.#schedule = schedule;
    this.#broken = broken;
    this.#changed = changed;
  }

  get seen(): SeenRecord {
    return { record: this.record, version: String(this.version) };
  }

  read(reach: Reach, answer: Answer): void {
    this.#request(reach, () => this.#current(), answer);
  }

  create(reach: Reach, record: PairRecord, answer: Answer): void {
    const carryOut = (): ArbiterAnswer => {
      if (!this.absent) return this.#current();
      this.write(record);
      return { kind: 'won', seen: this.seen };
    };
    this.#request(reach, carryOut, answer);
  }

  swap(reach: Reach, expect: SeenRecord, next: PairRecord, settles: boolean, answer: Answer): void {
    const carryOut = (): ArbiterAnswer => {
      if (this.absent || expect.version !== String(this.version)) return this.#current();
      if (settles && this.#broken === 'settle') return { kind: 'won', seen: this.seen };
      const from = this.record;
      this.#replace(next);
      this.#changed(from, next);
      return { kind: 'won', seen: this.seen };
    };
    this.#request(reach, carryOut, answer);
  }

  /** A person writes it, whatever stands there. */
  write(record: PairRecord): void {
    this.absent = false;
    this.#replace(record);
  }

  /** It ends and comes back: of the requests under way some were carried out, and nobody hears of any. */
  restart(backAfterMs: number): void {
    this.downUntilMs = Math.max(this.downUntilMs, this.#schedule.nowMs + backAfterMs);
    const pending = this.#pending;
    this.#pending = [];
    for (const one of pending) {
      if (one.over) continue;
      one.over = true;
      if (this.#schedule.chance(50)) one.carryOut();
    }
  }

  #current(): ArbiterAnswer {
    if (!this.absent) return { kind: 'current', seen: this.seen };
    return { kind: this.vacancy ? 'vacant' : 'absent' };
  }

  #replace(record: PairRecord): void {
    this.record = record;
    this.version += 1;
    this.history.push(record);
    if (this.history.length > historyMax) this.history.shift();
  }

  #request(reach: Reach, carryOut: () => ArbiterAnswer, answer: Answer): void {
    const schedule = this.#schedule;
    const fails = (): void => answer({ kind: 'failed', carriedOut: 'maybe', why: 'no answer' });
    if (reach === 'no' || this.#schedule.nowMs < this.downUntilMs) {
      if (schedule.chance(50)) schedule.after(this.#way(), () => answer({ kind: 'failed', carriedOut: 'no', why: 'connection refused' }));
      else schedule.after(requestTimeoutMs, fails);
      return;
    }
    if (reach === 'late') {
      schedule.after(schedule.chance(50) ? this.#way() : schedule.between(1, lateMaxMs), () => void carryOut());
      schedule.after(requestTimeoutMs, fails);
      return;
    }
    const trouble = schedule.chance(this.troublePercent) ? schedule.between(1, 3) : 0;
    if (trouble === 0) return this.#serve(carryOut, answer, fails);
    schedule.after(requestTimeoutMs, fails);
    if (trouble === 1) schedule.after(this.#way(), () => void carryOut());
    if (trouble === 2) schedule.after(schedule.between(1_000, 20_000), () => void carryOut());
  }

  #serve(carryOut: () => ArbiterAnswer, answer: Answer, fails: () => void): void {
    const schedule = this.#schedule;
    const there = this.#way();
    const back = this.#way();
    const sentMs = schedule.nowMs;
    const pending: Pending = { carryOut, over: false };
    this.#pending = this.#pending.filter(({ over }) => !over);
    this.#pending.push(pending);
    schedule.after(there, () => {
      const result = pending.over ? undefined : carryOut();
      pending.over = true;
      const answerMs = there + back;
      // An answer that comes too late was given up: the member was told that there is none.
      if (result === undefined || answerMs >= requestTimeoutMs) schedule.after(requestTimeoutMs - (schedule.nowMs - sentMs), fails);
      else schedule.after(back, () => answer(result));
    });
  }

  #way(): number {
    return this.#schedule.between(1, this.slow ? slowWayMs : 15);
  }
}
