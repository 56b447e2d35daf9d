import type { Clock } from '#lib/base/clock.ts';
import { codeOf, messageOf } from '#lib/base/errors.ts';
import { invariant } from '#lib/base/invariant.ts';
import type { Logger } from '#lib/base/log.ts';
import type { Random } from '#lib/base/random.ts';
import { backoffMs } from '#lib/base/retry.ts';
import type { BackoffPolicy } from '#lib/base/retry.ts';
import { hallErrors } from '../errors.ts';
import { numberItem } from './ledger-items.ts';
import type { LedgerItem, NumberedChange, NumberedItem } from './ledger-items.ts';
import type { LedgerSession } from './ledger-session.ts';
import { writeBatch } from './write-batch.ts';
import type { Batch } from './write-batch.ts';

/** Items of one transaction. */
const batchItemsMax = 5_000;
/** Items that wait while the ledger is away. Above it the fleet is not judged any more, and the gap is unknown to all. */
const waitingItemsMax = 50_000;
/** Callers that wait for a commit at once; more are refused. */
const commitWaitersMax = 64;
const observeEveryMs = 1_000;
const retryPolicy: BackoffPolicy = { firstMs: 50, maxMs: 1_000, jitterPercent: 50 };

export interface LedgerWriterPorts {
  /** Opens a connection that may write. */
  readonly open: (signal: AbortSignal) => Promise<LedgerSession>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Told in commit order, once each. */
  readonly onCommitted: (changes: readonly NumberedChange[]) => void;
  /** The ledger is written again, or it is away and why. */
  readonly onLedger: (state: 'ready' | 'away', why: string) => void;
  readonly onFalseAck: () => void;
  /** PostgreSQL does not take this item, ever. It is left out: nobody is told of it, and what follows it goes on. */
  readonly onRefused: (item: LedgerItem) => void;
  /** Duration of each good transaction. */
  readonly onCommitMs: (ms: number) => void;
}

export interface WriterStart {
  readonly epoch: bigint;
  readonly member: string;
  readonly feedNumber: bigint;
}

/** The one writer of a reign: numbers changes, and commits all that came while the last commit ran together. */
export class LedgerWriter {
  readonly #ports: LedgerWriterPorts;
  readonly #start: WriterStart;
  #session: LedgerSession | undefined;
  #waiting: NumberedItem[] = [];
  #lastNumber: bigint;
  #committedNumber: bigint;
  #observer: { readonly fromMs: number; readonly toMs: number } | undefined;
  #durableToMs: number | undefined;
  #observedAtMs = Number.NEGATIVE_INFINITY;
  #wake: (() => void) | undefined;
  #awayWhy: string | undefined;
  /** Items of the next transaction: halved while PostgreSQL refuses one of them, until it is found. */
  #batchMax = batchItemsMax;
  #commits: { readonly number: bigint; readonly resolve: () => void; readonly reject: (error: Error) => void }[] = [];
  #isOver = false;

  constructor(session: LedgerSession, start: WriterStart, ports: LedgerWriterPorts) {
    this.#session = session;
    this.#start = start;
    this.#ports = ports;
    this.#lastNumber = start.feedNumber;
    this.#committedNumber = start.feedNumber;
  }

  /** End of the last durable observer row of this reign; undefined before the first commit. */
  get durableToMs(): number | undefined {
    return this.#durableToMs;
  }

  get isFull(): boolean {
    return this.#waiting.length >= waitingItemsMax;
  }

  /** Whether a roster waits to be written. One at a time: should it be refused, the one before it is in force again. */
  get hasRoster(): boolean {
    return this.#waiting.some(({ item }) => item.kind === 'roster');
  }

  /** Takes what was decided, and how far a pass watched. A row starts at `fromMs`; another start is another row. */
  put(items: readonly LedgerItem[], observer: { readonly fromMs: number; readonly toMs: number } | undefined): void {
    for (const item of items) {
      const numbered = numberItem(item, this.#lastNumber + 1n);
      this.#lastNumber = numbered.changes.at(-1)?.number ?? this.#lastNumber;
      this.#waiting.push(numbered);
    }
    if (observer !== undefined) this.#observer = observer;
    const isDue = this.#ports.clock.nowMs() - this.#observedAtMs >= observeEveryMs;
    if (items.length > 0 || isDue) this.#wake?.();
  }

  /**
   * Resolves when everything put so far is committed.
   *
   * @throws HK_REIGN_OVER, HK_LEDGER_REFUSED, HK_RATE_EXCEEDED when too many wait already, or the signal's reason.
   */
  async committed(signal: AbortSignal): Promise<void> {
    if (this.#isOver) throw hallErrors.HK_REIGN_OVER();
    if (this.#committedNumber >= this.#lastNumber) return;
    if (this.#commits.length >= commitWaitersMax) throw hallErrors.HK_RATE_EXCEEDED(`${commitWaitersMax} wait for the ledger`);
    signal.throwIfAborted();
    let leave: (() => void) | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        const waiter = { number: this.#lastNumber, resolve, reject };
        this.#commits.push(waiter);
        leave = (): void => {
          this.#commits = this.#commits.filter((other) => other !== waiter);
          reject(signal.reason as Error);
        };
        signal.addEventListener('abort', leave, { once: true });
      });
    } finally {
      if (leave !== undefined) signal.removeEventListener('abort', leave);
    }
  }

  /** Cuts the connection of a writer that was never run. */
  abandon(): void {
    this.#session?.destroy();
  }

  /** Writes until the reign ends; then cuts the connection, so that nothing of this epoch is sent after it. */
  async run(signal: AbortSignal): Promise<void> {
    const cut = (): void => {
      this.#session?.destroy();
      this.#wake?.();
    };
    signal.addEventListener('abort', cut, { once: true });
    try {
      while (!signal.aborted) {
        const batch = this.#nextBatch();
        if (batch === undefined) await new Promise<void>((resolve) => (this.#wake = resolve));
        else await this.#commit(batch, signal);
      }
    } finally {
      this.#isOver = true;
      cut();
      for (const { reject } of this.#commits.splice(0)) reject(hallErrors.HK_REIGN_OVER());
    }
  }

  #nextBatch(): Batch | undefined {
    const isObserverDue =
      this.#observer !== undefined &&
      this.#observer.toMs !== this.#durableToMs &&
      this.#ports.clock.nowMs() - this.#observedAtMs >= observeEveryMs;
    if (this.#waiting.length === 0 && !isObserverDue) return undefined;
    const items = this.#waiting.slice(0, this.#batchMax);
    const isWhole = items.length === this.#waiting.length && this.#batchMax === batchItemsMax;
    return { items, observer: isWhole ? this.#observer : undefined };
  }

  async #commit(batch: Batch, signal: AbortSignal): Promise<void> {
    const { clock, random, log } = this.#ports;
    for (let failures = 0; !signal.aborted;) {
      try {
        if (this.#session === undefined || this.#session.isBroken) this.#session = await this.#ports.open(signal);
        const fromMs = clock.nowMs();
        await writeBatch(this.#session, batch, this.#start, signal);
        this.#ports.onCommitMs(clock.nowMs() - fromMs);
        this.#finish(batch);
        return;
      } catch (error) {
        if (signal.aborted) return;
        failures += 1;
        if (codeOf(error) === 'HK_LEDGER_FALSE_ACK') this.#ports.onFalseAck();
        const why = messageOf(error);
        if (codeOf(error) === 'HK_LEDGER_REFUSED' && batch.items.length > 0) {
          this.#narrow(batch, why);
          return;
        }
        if (this.#awayWhy !== why) {
          log.warn({ why, waiting: this.#waiting.length }, 'the ledger cannot be written; it is tried again');
          this.#ports.onLedger('away', why);
        }
        this.#awayWhy = why;
        await clock.sleep(backoffMs(failures, retryPolicy, random), signal).catch(() => undefined);
      }
    }
  }

  /** Of a refused batch half is tried next; what is refused alone is left out, and what waits behind it takes its numbers. */
  #narrow(batch: Batch, why: string): void {
    if (batch.items.length > 1 || batch.observer !== undefined) {
      this.#batchMax = Math.ceil(batch.items.length / 2);
      return;
    }
    const [refused, ...rest] = this.#waiting;
    if (refused === undefined) return;
    const { item, changes } = refused;
    const named = item.kind === 'roster' ? { revision: item.change.next.revision } : { terminal: item.terminal, to: item.to };
    this.#ports.log.error({ why, kind: item.kind, ...named }, 'the ledger refuses an item for ever; it is left out');
    const first = changes[0]?.number ?? this.#lastNumber;
    const gone = BigInt(changes.length);
    this.#lastNumber -= gone;
    this.#waiting = [];
    let next = first;
    for (const { item: later } of rest) {
      const numbered = numberItem(later, next);
      this.#waiting.push(numbered);
      next += BigInt(numbered.changes.length);
    }
    // Whoever waits for more than what came before it waits for something that will never be there as a whole.
    for (const { reject } of this.#commits.filter(({ number }) => number >= first)) reject(hallErrors.HK_LEDGER_REFUSED(why));
    this.#commits = this.#commits.filter(({ number }) => number < first);
    this.#batchMax = batchItemsMax;
    this.#ports.onRefused(item);
  }

  #finish(batch: Batch): void {
    if (this.#awayWhy !== undefined) this.#ports.onLedger('ready', '');
    this.#awayWhy = undefined;
    this.#waiting = this.#waiting.slice(batch.items.length);
    if (this.#waiting.length === 0) this.#batchMax = batchItemsMax;
    if (batch.observer !== undefined) {
      invariant(batch.observer.toMs >= (this.#durableToMs ?? 0), 'the watch never goes back');
      this.#durableToMs = batch.observer.toMs;
      this.#observedAtMs = this.#ports.clock.nowMs();
    }
    const changes = batch.items.flatMap((item) => item.changes);
    this.#committedNumber = changes.at(-1)?.number ?? this.#committedNumber;
    if (changes.length > 0) this.#ports.onCommitted(changes);
    for (const { resolve } of this.#commits.filter(({ number }) => number <= this.#committedNumber)) resolve();
    this.#commits = this.#commits.filter(({ number }) => number > this.#committedNumber);
  }
}
