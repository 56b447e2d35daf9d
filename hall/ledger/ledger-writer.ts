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
export const waitingItemsMax = 50_000;
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
  #isAway = false;
  readonly #commits: { readonly number: bigint; readonly resolve: () => void; readonly reject: (error: Error) => void }[] = [];
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

  /** Resolves when everything put so far is committed. @throws HK_REIGN_OVER */
  committed(): Promise<void> {
    if (this.#isOver) return Promise.reject(hallErrors.HK_REIGN_OVER());
    if (this.#committedNumber >= this.#lastNumber) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#commits.push({ number: this.#lastNumber, resolve, reject });
    });
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
    const items = this.#waiting.slice(0, batchItemsMax);
    return { items, observer: items.length === this.#waiting.length ? this.#observer : undefined };
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
        if (!this.#isAway) log.warn({ why, waiting: this.#waiting.length }, 'the ledger cannot be written; it is tried again');
        if (!this.#isAway) this.#ports.onLedger('away', why);
        this.#isAway = true;
        await clock.sleep(backoffMs(failures, retryPolicy, random), signal).catch(() => undefined);
      }
    }
  }

  #finish(batch: Batch): void {
    if (this.#isAway) this.#ports.onLedger('ready', '');
    this.#isAway = false;
    this.#waiting = this.#waiting.slice(batch.items.length);
    if (batch.observer !== undefined) {
      invariant(batch.observer.toMs >= (this.#durableToMs ?? 0), 'the watch never goes back');
      this.#durableToMs = batch.observer.toMs;
      this.#observedAtMs = this.#ports.clock.nowMs();
    }
    const changes = batch.items.flatMap((item) => item.changes);
    this.#committedNumber = changes.at(-1)?.number ?? this.#committedNumber;
    if (changes.length > 0) this.#ports.onCommitted(changes);
    while ((this.#commits[0]?.number ?? this.#committedNumber + 1n) <= this.#committedNumber) this.#commits.shift()?.resolve();
  }
}
