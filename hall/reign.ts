import type { Clock } from '#lib/base/clock.ts';
import type { Logger } from '#lib/base/log.ts';
import type { Random } from '#lib/base/random.ts';
import { measureEveryMs } from '#lib/link/limits.ts';
import { Feed } from './feed.ts';
import { Fleet } from './fleet.ts';
import { tickMs } from './hall-watch.ts';
import { LedgerSession } from './ledger/ledger-session.ts';
import type { LedgerAddress } from './ledger/ledger-session.ts';
import { LedgerWriter } from './ledger/ledger-writer.ts';
import type { LedgerWriterPorts } from './ledger/ledger-writer.ts';
import { checkStanding, loadLedger } from './ledger/load-ledger.ts';
import { migrate } from './ledger/migrate.ts';

export interface ReignSettings {
  readonly hall: string;
  readonly pairUid: string;
  readonly member: string;
  readonly ledger: LedgerAddress;
}

export interface ReignPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly onLedger: (state: 'ready' | 'away', why: string) => void;
  readonly onFalseAck: () => void;
  readonly onCommitMs: (ms: number) => void;
  /** After each pass over the fleet. */
  readonly onPass: (reign: Reign) => void;
}

/** One time of leading, from reading the ledger to the end of the epoch. Everything in it dies with it. */
export class Reign {
  readonly epoch: bigint;
  readonly pairUid: string;
  readonly fleet: Fleet;
  readonly feed: Feed;
  readonly writer: LedgerWriter;
  readonly #ports: ReignPorts;

  private constructor(epoch: bigint, pairUid: string, parts: Pick<Reign, 'fleet' | 'feed' | 'writer'>, ports: ReignPorts) {
    this.epoch = epoch;
    this.pairUid = pairUid;
    this.fleet = parts.fleet;
    this.feed = parts.feed;
    this.writer = parts.writer;
    this.#ports = ports;
  }

  /**
   * Connects, brings the ledger up to date and reads it.
   *
   * @throws HK_LEDGER_AWAY, HK_LEDGER_STANDBY  to be tried again.
   * @throws HK_LEDGER_MIGRATION, HK_LEDGER_SETTINGS, HK_LEDGER_NEWER_EPOCH, HK_LEDGER_OTHER_HALL  a person is needed.
   */
  static async open(settings: ReignSettings, epoch: bigint, ports: ReignPorts, signal: AbortSignal): Promise<Reign> {
    const { hall, pairUid, member, ledger } = settings;
    const { clock, log } = ports;
    const open = async (openSignal: AbortSignal): Promise<LedgerSession> => {
      const session = await LedgerSession.open(ledger, clock, openSignal);
      try {
        await checkStanding(session, openSignal);
        return session;
      } catch (error) {
        session.destroy();
        throw error;
      }
    };
    const session = await open(signal);
    try {
      const applied = await migrate(session, signal);
      if (applied > 0) log.info({ applied }, 'the ledger was brought up to date');
      const loaded = await loadLedger(session, { hall, epoch }, signal);
      if (loaded.problems.length > 0)
        log.warn({ problems: loaded.problems.slice(0, 20).join('; ') }, 'the ledger holds what is passed over');
      const feed = new Feed({ pairUid, epoch, hall }, loaded);
      const fleet = new Fleet(hall, clock, loaded);
      const onCommitted: LedgerWriterPorts['onCommitted'] = (changes) => {
        fleet.written(changes);
        feed.publish(changes);
      };
      const onRefused: LedgerWriterPorts['onRefused'] = (item) => fleet.refused(item);
      const start = { epoch, member, feedNumber: loaded.feedNumber };
      const writer = new LedgerWriter(session, start, { ...ports, open, onCommitted, onRefused });
      return new Reign(epoch, pairUid, { fleet, feed, writer }, ports);
    } catch (error) {
      session.destroy();
      throw error;
    }
  }

  /** Of a reign that was never run: cuts its connection. */
  abandon(): void {
    this.writer.abandon();
  }

  /** Watches and writes until the signal aborts. One pass a tick for all terminals. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.writer.run(signal), this.#watch(signal)]);
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const { clock } = this.#ports;
    let measuredMs = clock.nowMs();
    while (!signal.aborted) {
      const startedMs = clock.nowMs();
      // While the ledger is away for so long that nothing more can wait, nobody is judged; the pause is then a gap in the watch.
      if (!this.writer.isFull) {
        const pass = this.fleet.pass();
        this.writer.put(pass.items, pass.observer);
      }
      this.#ports.onPass(this);
      const horizonMs = this.writer.durableToMs;
      if (horizonMs !== undefined && clock.nowMs() - measuredMs >= measureEveryMs) {
        measuredMs = clock.nowMs();
        if (this.feed.readers > 0) this.feed.measure({ $case: 'measurements', value: this.fleet.measurements(horizonMs) });
      }
      await clock.sleep(Math.max(1, tickMs - (clock.nowMs() - startedMs)), signal).catch(() => undefined);
    }
  }
}
