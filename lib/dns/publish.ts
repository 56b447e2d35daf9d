import { codeOf, HallkeeperError } from '#lib/base/errors.ts';
import type { Logger } from '#lib/base/log.ts';
import { retry } from '#lib/base/retry.ts';
import { aborted } from '#lib/base/parts.ts';
import type { RetryPolicy } from '#lib/base/retry.ts';
import { setFailoverRecord } from './act-failover-record.ts';
import { outcomeInWords } from './record-outcome.ts';
import type { UpdateTarget } from './act-failover-record.ts';
import type { RecordOutcome } from './record-outcome.ts';
import { dnsErrors } from './errors.ts';
import { serverName } from './exchange.ts';
import type { FailoverRecord } from './failover-record.ts';
import { recordKey } from './failover-record.ts';
import { canonicalName } from './name.ts';
import type { DnsPorts } from './update.ts';

export interface PublishPorts extends DnsPorts {
  readonly log: Logger;
}

/** What one server ended with, how long it took from the call on, and how many tries. */
export interface ServerOutcome {
  readonly server: UpdateTarget['server'];
  readonly result: RecordOutcome;
  readonly attempts: number;
  readonly tookMs: number;
}

export interface PublishOptions {
  /** Epoch expected at the servers, `absent` for a new name, undefined to look first. */
  readonly from: number | 'absent' | undefined;
  /** Hears of each server as soon as it has its outcome: those that answer do not wait for those that are down. */
  readonly onOutcome?: (outcome: ServerOutcome) => void;
  /** Hears how each try ended, also those that another one follows: a wrong key shows at once, not when the tries are used up. */
  readonly onTry?: (outcome: ServerOutcome) => void;
}

/** Writes records of pairs to all their servers. */
export interface Publisher {
  /**
   * Brings every server to the record, all at the same time; each is tried again with back-off until it answers, the tries are used
   * up or the signal aborts. A record of the same pair and name with the same or a higher epoch takes the place of one still under way,
   * which ends as `superseded`. Attempts at one zone of one server go one after the other.
   *
   * @returns  One outcome per target, in order. Never throws: a record or key that cannot be written is `failed`, at once and for its
   *           own target only.
   */
  publish(
    wanted: FailoverRecord,
    targets: readonly UpdateTarget[],
    options: PublishOptions,
    signal: AbortSignal,
  ): Promise<readonly ServerOutcome[]>;
}

/** About a minute of tries. Whoever must be sure for ever, such as the operator, publishes again. */
const publishPolicy: RetryPolicy = { firstMs: 100, maxMs: 5_000, jitterPercent: 20, attemptsMax: 16 };

export function createPublisher(ports: PublishPorts, policy: RetryPolicy = publishPolicy): Publisher {
  const queue = new ZoneQueue();
  const current = new Map<string, { readonly epoch: number; readonly giveWay: AbortController }>();

  /** One server until it has its outcome. `begun` and `ended` hear of every try. */
  const settleAt = async (
    target: UpdateTarget,
    wanted: FailoverRecord,
    from: PublishOptions['from'],
    signal: AbortSignal,
    begun: () => void,
    ended: (result: RecordOutcome) => void,
  ): Promise<RecordOutcome> => {
    const place = `${serverName(target.server)} ${recordKey(wanted)} ${wanted.pairUid}`;
    const zone = `${serverName(target.server)} ${canonicalName(wanted.zone)}`;
    const before = current.get(place);
    if (before !== undefined && before.epoch > wanted.epoch) return { outcome: 'superseded', epoch: before.epoch };
    const own = { epoch: wanted.epoch, giveWay: new AbortController() };
    before?.giveWay.abort(new GivenWay(wanted.epoch));
    current.set(place, own);
    const once = async (limited: AbortSignal): Promise<RecordOutcome> => {
      begun();
      // A try may have been applied although its answer was lost: then the next one fails its prerequisite, looks, and is done.
      const set = queue.run(zone, limited, () => setFailoverRecord(target, wanted, from, ports, limited));
      const result = await set.catch(failedOutcome);
      if (!limited.aborted) ended(result);
      return result;
    };
    try {
      return await untilSettled(once, target, ports, policy, AbortSignal.any([signal, own.giveWay.signal]));
    } finally {
      if (current.get(place) === own) current.delete(place);
    }
  };

  const toServer = async (
    wanted: FailoverRecord,
    target: UpdateTarget,
    options: PublishOptions,
    signal: AbortSignal,
  ): Promise<ServerOutcome> => {
    const startedMs = ports.clock.nowMs();
    let attempts = 0;
    const of = (result: RecordOutcome): ServerOutcome => {
      return { server: target.server, result, attempts, tookMs: ports.clock.nowMs() - startedMs };
    };
    const begun = (): void => void (attempts += 1);
    const ended = (result: RecordOutcome): void => options.onTry?.(of(result));
    const outcome = of(await settleAt(target, wanted, options.from, signal, begun, ended).catch(failedOutcome));
    options.onOutcome?.(outcome);
    return outcome;
  };

  return {
    publish: (wanted, targets, options, signal) => Promise.all(targets.map((target) => toServer(wanted, target, options, signal))),
  };
}

/** Repeats while the outcome may pass, and ends with the last one. */
async function untilSettled(
  once: (signal: AbortSignal) => Promise<RecordOutcome>,
  target: UpdateTarget,
  ports: PublishPorts,
  policy: RetryPolicy,
  signal: AbortSignal,
): Promise<RecordOutcome> {
  let last: RecordOutcome | undefined;
  const attempt = async (limited: AbortSignal): Promise<RecordOutcome> => {
    const outcome = await once(limited);
    if (!mayPass(outcome)) return outcome;
    last = outcome;
    ports.log.warn(
      { server: serverName(target.server), why: outcomeInWords(outcome) },
      'the DNS server has not taken the record; it is tried again',
    );
    throw dnsErrors.HK_DNS_NOT_YET();
  };
  try {
    return await retry(attempt, { policy, clock: ports.clock, random: ports.random }, signal);
  } catch (error) {
    if (signal.reason instanceof GivenWay) return { outcome: 'superseded', epoch: signal.reason.epoch };
    if (last !== undefined && (signal.aborted || codeOf(error) === 'HK_DNS_NOT_YET')) return last;
    if (signal.aborted) return { outcome: 'failed', error: dnsErrors.HK_DNS_NOT_YET('stopped before the first try', { cause: error }) };
    return failedOutcome(error);
  }
}

/** What cannot be written, or is known to us otherwise, is an outcome; a mistake of our own is not. */
function failedOutcome(error: unknown): RecordOutcome {
  if (error instanceof HallkeeperError) return { outcome: 'failed', error };
  throw error;
}

/** An unsigned refusal may be forged, and a server may be loading its zones: both are asked again. A signed REFUSED stands. */
function mayPass(outcome: RecordOutcome): boolean {
  if (outcome.outcome === 'failed') return outcome.error.retry === 'backoff';
  if (outcome.outcome === 'unauthenticated') return true;
  return outcome.outcome === 'refused' && outcome.rcode === 'SERVFAIL';
}

/** A newer record of the same name took the place of this one. */
class GivenWay extends Error {
  override readonly name = 'GivenWay';
  readonly epoch: number;

  constructor(epoch: number) {
    super(`epoch ${epoch} took its place`);
    this.epoch = epoch;
  }
}

/** Runs one task at a time per zone. As long as there are names with a record under way; a waiting one leaves when its signal aborts. */
class ZoneQueue {
  readonly #tails = new Map<string, Promise<void>>();

  async run<T>(zone: string, signal: AbortSignal, task: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(zone) ?? Promise.resolve();
    const { promise: done, resolve: finish } = Promise.withResolvers<void>();
    const tail = before.then(() => done);
    this.#tails.set(zone, tail);
    // Only when all before it are done too: one that leaves early must not let the next one pass the one that still runs.
    void tail.then(() => {
      if (this.#tails.get(zone) === tail) this.#tails.delete(zone);
    });
    try {
      await Promise.race([before, aborted(signal)]);
      signal.throwIfAborted();
      return await task();
    } finally {
      finish();
    }
  }
}
