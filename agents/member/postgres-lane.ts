import type { Clock } from '#lib/base/clock.ts';
import { codeOf, messageOf } from '#lib/base/errors.ts';
import type { Logger } from '#lib/base/log.ts';
import { runWithin, within } from '#lib/base/deadline.ts';
import type { OperationOutcome } from '#lib/pair/events.ts';
import { unseenPostgres } from '#lib/pair/member-state.ts';
import type { LocalPostgres, Operation } from '#lib/pair/member-state.ts';
import type { LogPlace } from '#lib/pair/pair-record.ts';
import type { PostgresInstance, RunningServer, SqlLine, StatusSnapshot } from '#lib/postgres/instance.ts';
import { lastWordOf } from '#lib/postgres/start-fault.ts';
import { operate } from './act-operation.ts';
import { ClientDoor } from './client-door.ts';
import { pictureDown, pictureRunning } from './picture.ts';

/** One look at the server may take so long; a server that is slower is seen to stand still. */
const lookMaxMs = 500;

const remainsMaxMs = 10_000;

/** Between two looks at whether somebody told the server to stop: that comes from people and their tools, not from a fault of the pair. */
const stopEveryMs = 500;
/** A look at the process table reads the state of every process of this machine. */
const replayEveryMs = 1_000;

/**
 * The member's hand on its PostgreSQL: one operation at a time, one picture at a time, and word of its death. An operation that is
 * replaced is aborted and waited for before the next one begins, so that nothing starts a server behind a kill.
 */
export class PostgresLane {
  readonly instance: PostgresInstance;
  readonly peer: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** Lines of the agent's own, each for one use at a time. */
  readonly control: SqlLine;
  readonly waiting: SqlLine;
  readonly door: ClientDoor;
  /** What earlier attempts to rejoin showed, so that one that leads nowhere is not repeated for ever. */
  readonly attempts = { rewindFoundNothing: false, startsFailed: 0, comparisonsLate: 0 };
  progressPercent: number | undefined;
  lastStatus: StatusSnapshot | undefined;
  readonly #watchLine: SqlLine;
  readonly #died: (picture: LocalPostgres) => void;
  #server: RunningServer | undefined;
  #role: LocalPostgres['role'] = 'standby';
  #proven: string | undefined;
  #recovered: bigint | undefined;
  #history: { readonly timeline: number; readonly left: readonly LogPlace[] } | undefined;
  #last: LocalPostgres = unseenPostgres;
  #ending = false;
  #stopSeenMs = Number.NEGATIVE_INFINITY;
  #looks = 0;
  #replaySeenMs = Number.NEGATIVE_INFINITY;
  #current: { readonly stop: AbortController; readonly ended: Promise<unknown> } | undefined;

  constructor(
    instance: PostgresInstance,
    ports: { readonly peer: string; readonly clock: Clock; readonly log: Logger },
    died: (picture: LocalPostgres) => void,
    signal: AbortSignal,
  ) {
    this.instance = instance;
    this.peer = ports.peer;
    this.clock = ports.clock;
    this.log = ports.log;
    this.control = instance.openLine('control');
    this.waiting = instance.openLine('proof');
    this.#watchLine = instance.openLine('watch');
    this.#died = died;
    this.door = new ClientDoor(instance, { clock: ports.clock, log: ports.log, running: () => this.running }, signal);
  }

  get running(): boolean {
    return this.#server !== undefined;
  }

  get last(): LocalPostgres {
    return this.#last;
  }

  /** At the start of the agent: finds a server that outlived the last one, and leaves it as it is. */
  async find(signal: AbortSignal): Promise<LocalPostgres> {
    this.#proven = (await this.instance.readProof())?.systemIdentifier;
    const server = await this.instance.reattach(signal);
    if (server !== undefined) {
      this.follow(server, 'standby');
      // Clients that were let in saw everything already: nothing is to be caught up before they may stay.
      const clients = (await this.instance.configured())?.clients;
      if (clients === 'open') this.#recovered = 0n;
      this.door.found(clients);
    }
    return await this.look(signal);
  }

  /** Watches over a server that was just started, with the door closed. */
  started(server: RunningServer, role: LocalPostgres['role']): void {
    this.follow(server, role);
    this.door.found('closed');
  }

  /** Begins to watch over a server that was started or found. Until it answers, it counts as what it was started as. */
  follow(server: RunningServer, role: LocalPostgres['role']): void {
    this.#server = server;
    this.#role = role;
    this.#recovered = undefined;
    this.#history = undefined;
    void server.exited.then(async (exit) => {
      if (this.#server !== server) return;
      this.#server = undefined;
      const about = { pid: exit.pid, exitCode: exit.exitCode, signal: exit.signalName, why: lastWordOf(exit.logTail) };
      if (this.#ending) this.log.info(about, 'PostgreSQL ended, as it should');
      else this.log.warn(about, 'PostgreSQL ended');
      if (this.#ending) return;
      const picture = { ...this.#last, process: 'down', names: 'unknown', upstream: false, streaming: false, peerAttached: false } as const;
      this.#last = picture;
      this.#died(picture);
    });
  }

  /** Says that an end of the server is our own doing until `task` is over. */
  async ending<T>(task: () => Promise<T>): Promise<T> {
    this.#ending = true;
    try {
      return await task();
    } finally {
      this.#ending = false;
      if ((await this.instance.reattach(within(lookMaxMs, 'finding the server'))) === undefined) this.#server = undefined;
    }
  }

  /** What recovery brought back; clients wait until the peer has it too. */
  recoveredAt(position: bigint): void {
    this.#recovered = position;
  }

  /** The fence saw that nothing is received and nobody followed. Behind a lock on a catalog no look can tell it before the promotion. */
  detached(): void {
    this.#last = { ...this.#last, upstream: false, streaming: false };
  }

  /** A session saw that the peer is followed. A server without its data directory answers that, and no look. */
  attached(): void {
    this.#last = { ...this.#last, upstream: true };
  }

  proven(systemIdentifier: string | undefined): void {
    this.#proven = systemIdentifier;
  }

  /** Looks at the server. A look that fails leaves the last picture as it was: nothing moved that we saw. */
  async look(signal: AbortSignal): Promise<LocalPostgres> {
    if (this.#server === undefined) {
      this.lastStatus = undefined;
      if (this.#current === undefined) await this.#findAgain(signal);
    }
    if (this.#server === undefined) {
      this.#last = await pictureDown(this.instance, signal);
      return this.#last;
    }
    if (await this.#toldToStop()) await this.#endStopping();
    if (this.#server === undefined) return this.#last;
    try {
      const status = await runWithin(lookMaxMs, 'looking at PostgreSQL', signal, (limit) => this.instance.status(this.#watchLine, limit));
      if (this.#server === undefined) return this.#last;
      if (!status.inRecovery) this.#recovered ??= status.flushLsn;
      const left = status.inRecovery ? [] : await this.#timelinesLeft(status.timeline, signal);
      if (this.#server === undefined) return this.#last;
      this.lastStatus = status;
      this.#looks += 1;
      this.#last = pictureRunning(status, { peer: this.peer, proven: this.#proven, recovered: this.#recovered, look: this.#looks, left });
    } catch (error) {
      this.log.debug({ error: messageOf(error) }, 'PostgreSQL did not answer the look');
      if (this.#last.process === 'down' && this.#server !== undefined) {
        this.#last = { ...this.#last, process: 'running', role: this.#role, upstream: this.#role === 'standby' };
      }
      await this.#lookAtReplay(signal);
    }
    return this.#last;
  }

  /**
   * A server that was believed gone may live: it was being started when the agent before this one ended, or a look at the process
   * table failed. Between operations only, which know what they start.
   */
  async #findAgain(signal: AbortSignal): Promise<void> {
    const server = await this.instance.reattach(signal);
    if (server === undefined || this.#server !== undefined || this.#current !== undefined) return;
    this.log.warn({ pid: server.pid }, 'a running PostgreSQL was found');
    this.follow(server, 'standby');
    this.door.found((await this.instance.configured())?.clients);
  }

  /** Processes of a server whose postmaster is gone hold its memory and refuse every start; nobody else ends them. */
  async #clearRemains(): Promise<void> {
    const limit = within(remainsMaxMs, 'killing what is left of PostgreSQL');
    if ((await this.instance.reattach(limit).catch(() => undefined)) !== undefined) return;
    await this.instance
      .killAll(limit)
      .catch((error: unknown) => this.log.warn({ error: messageOf(error) }, 'remains of PostgreSQL live on'));
  }

  /** Carries out one operation; aborts the one before it first. */
  async run(what: Operation, outer: AbortSignal): Promise<{ readonly outcome: OperationOutcome; readonly postgres: LocalPostgres }> {
    const before = this.#current;
    const stop = new AbortController();
    const signal = AbortSignal.any([stop.signal, outer]);
    const ended = (async (): Promise<OperationOutcome> => {
      before?.stop.abort(new Error('another operation took its place'));
      await before?.ended;
      try {
        signal.throwIfAborted();
        await operate(this, what, signal);
        return { ok: true };
      } catch (error) {
        if (codeOf(error) === 'HK_POSTGRES_RUNNING') await this.#clearRemains();
        const early = codeOf(error) === 'HK_POSTGRES_LOG_ENDS_EARLY' ? ({ logEndsEarly: true } as const) : {};
        return { ok: false, why: messageOf(error), ...early };
      }
    })();
    this.#current = { stop, ended };
    const outcome = await ended;
    if (this.#current?.ended === ended) this.#current = undefined;
    this.progressPercent = undefined;
    // The data may be unreadable, and the member may be ending: then everything is as it was seen last.
    return { outcome, postgres: await this.look(outer).catch(() => this.#last) };
  }

  /** Kills the server as a crash would: beside the lane, so that its death is seen, and told, like any other. */
  async crash(): Promise<void> {
    try {
      await this.instance.killAll(within(remainsMaxMs, 'killing PostgreSQL for a drill'));
    } catch (error) {
      this.log.error({ error: messageOf(error) }, 'PostgreSQL could not be killed for a drill');
    }
  }

  /** A standby that is not consistent yet answers nobody; that it gets on is seen from outside, a segment of the log at a time. */
  async #lookAtReplay(signal: AbortSignal): Promise<void> {
    const { role, consistent } = this.#last;
    const now = this.clock.nowMs();
    if (this.#server === undefined || role !== 'standby' || consistent || now - this.#replaySeenMs < replayEveryMs) return;
    this.#replaySeenMs = now;
    const at = await runWithin(lookMaxMs, 'looking at the replay', signal, (limit) => this.instance.replayedFile(limit)).catch(
      () => undefined,
    );
    if (at !== undefined && at > this.#last.replay) this.#last = { ...this.#last, replay: at };
  }

  /** Read once for each timeline: what the history file says does not change. */
  async #timelinesLeft(timeline: number, signal: AbortSignal): Promise<readonly LogPlace[]> {
    if (this.#history?.timeline !== timeline) {
      const switches = await runWithin(lookMaxMs, 'reading the history of the timeline', signal, (limit) =>
        this.instance.runningHistory(this.#watchLine, timeline, limit),
      ).catch((error: unknown) => {
        if (codeOf(error) !== 'HK_POSTGRES_HISTORY') throw error;
        this.log.error(
          { timeline, error: messageOf(error) },
          'the history file of the timeline cannot be read: no claim is opened without it',
        );
        return [];
      });
      this.#history = { timeline, left: switches.map((each) => ({ timeline: each.timeline, lsn: each.endLsn })) };
    }
    return this.#history.left;
  }

  /** Whether somebody else told the server to stop. */
  async #toldToStop(): Promise<boolean> {
    const now = this.clock.nowMs();
    if (this.#ending || now - this.#stopSeenMs < stopEveryMs) return false;
    this.#stopSeenMs = now;
    const stops = await this.instance.isStopping().catch(() => false);
    // A stop of our own may have begun while we looked.
    return stops && !this.#ending;
  }

  /**
   * Somebody else told the server to stop. It would refuse new clients for as long as an old one stays, and our own sessions stay: its end
   * is made a death like any other, upon which the other member takes over.
   */
  async #endStopping(): Promise<void> {
    this.log.warn({ pid: this.#server?.pid }, 'PostgreSQL was told to stop by somebody else: it is killed');
    await this.instance
      .killAll(within(remainsMaxMs, 'killing PostgreSQL that is stopping'))
      .catch((error: unknown) => this.log.error({ error: messageOf(error) }, 'PostgreSQL that is stopping lives on'));
  }

  abort(why: string): void {
    this.#current?.stop.abort(new Error(why));
  }
}
