import type { Schedule } from './schedule.ts';
import { commonLength, isPrefix } from './sim-log.ts';
import type { SimNetwork } from './sim-network.ts';
import type { SimPostgres } from './sim-postgres.ts';

/** `wal_sender_timeout` and `wal_receiver_timeout`: an end that hears nothing for so long gives up. */
const streamTimeoutMs = 2_000;

/** `wal_retrieve_retry_interval`. */
const retryMs = 100;

/** A standby that has passed the end of its timeline hangs on for some looks of its primary; in each move it lets go with this chance. */
const forkEndsPercent = 5;

/** One connection of a walreceiver to a walsender. Each end finds out for itself that the other is gone. */
interface Connection {
  readonly primaryStarts: number;
  readonly standbyStarts: number;
  senderStands: boolean;
  receiverStands: boolean;
  senderHeardMs: number;
  receiverHeardMs: number;
  /** An answer that could not travel: it arrives when the wire works again, if the walsender is still there. */
  held: number;
}

/** The stream of one direction. The other direction, after a take-over, is another object. */
export class SimStream {
  readonly #primary: SimPostgres;
  readonly #standby: SimPostgres;
  readonly #network: SimNetwork;
  readonly #schedule: Schedule;
  #connection: Connection | undefined;
  #retryAtMs = 0;

  constructor(primary: SimPostgres, standby: SimPostgres, network: SimNetwork, schedule: Schedule) {
    this.#primary = primary;
    this.#standby = standby;
    this.#network = network;
    this.#schedule = schedule;
  }

  /** Some milliseconds in the life of the stream. */
  move(): void {
    const connection = this.#connection;
    if (connection === undefined) return this.#attach();
    this.#endIfGone(connection);
    if (connection.senderStands && connection.receiverStands) this.#deliver(connection);
    if (this.#connection === undefined) return undefined;
    this.#tell(connection);
    return undefined;
  }

  /** What each server says of its own end. */
  #tell({ senderStands, receiverStands, primaryStarts, standbyStarts }: Connection): void {
    const primary = this.#primary;
    const standby = this.#standby;
    if (primary.starts === primaryStarts && primary.role === 'primary') {
      if (primary.peerAttached && !senderStands) primary.peerFlush = 0;
      primary.peerAttached = senderStands;
    }
    if (standby.starts === standbyStarts && standby.role === 'standby') standby.streaming = receiverStands && standby.upstream;
    if (!senderStands && !receiverStands) this.#connection = undefined;
  }

  #endIfGone(connection: Connection): void {
    const primary = this.#primary;
    const standby = this.#standby;
    const { nowMs } = this.#schedule;
    const served = primary.process === 'running' && primary.starts === connection.primaryStarts && primary.role === 'primary';
    const wanted = standby.upstream || nowMs < standby.lateUntilMs;
    const follows = standby.process === 'running' && standby.starts === connection.standbyStarts && standby.role === 'standby' && wanted;
    if (!served || (primary.alive && nowMs - connection.senderHeardMs >= streamTimeoutMs)) connection.senderStands = false;
    if (!follows || (standby.alive && nowMs - connection.receiverHeardMs >= streamTimeoutMs)) connection.receiverStands = false;
    // The kernel of the side that is gone says so, if its word arrives.
    if (!connection.senderStands && this.#network.passes('stream', primary.name)) connection.receiverStands = false;
    if (!connection.receiverStands && this.#network.passes('stream', standby.name)) connection.senderStands = false;
  }

  #attach(): void {
    const primary = this.#primary;
    const standby = this.#standby;
    const { nowMs } = this.#schedule;
    const possible = standby.upstream && standby.alive && standby.role === 'standby' && primary.alive && primary.role === 'primary';
    if (!possible || nowMs < this.#retryAtMs || standby.data === 'empty') return;
    this.#retryAtMs = nowMs + retryMs;
    if (!this.#network.joins('stream', primary.name, standby.name) || !mayAsk(primary, standby)) return;
    this.#connection = {
      primaryStarts: primary.starts,
      standbyStarts: standby.starts,
      senderStands: true,
      receiverStands: true,
      senderHeardMs: nowMs,
      receiverHeardMs: nowMs,
      held: 0,
    };
    primary.peerFlush = 0;
    this.#tell(this.#connection);
  }

  #deliver(connection: Connection): void {
    const primary = this.#primary;
    const standby = this.#standby;
    if (!primary.alive || !standby.alive) return;
    if (this.#network.passes('stream', primary.name)) {
      connection.receiverHeardMs = this.#schedule.nowMs;
      if (!standby.trouble.hangs) this.#receive(connection);
    }
    if (this.#connection === undefined) return;
    standby.replay();
    connection.held = standby.log.length;
    if (!this.#network.passes('stream', standby.name)) return;
    connection.senderHeardMs = this.#schedule.nowMs;
    const flushed = connection.held;
    this.#schedule.after(this.#schedule.between(0, 5), () => this.#answer(connection, flushed));
  }

  #receive(connection: Connection): void {
    const primary = this.#primary;
    const standby = this.#standby;
    if (isForked(primary, standby)) {
      // It is told the end of its timeline, which it has passed, and tells its position before it goes.
      if (this.#schedule.chance(forkEndsPercent)) connection.receiverStands = false;
      return;
    }
    const missing = primary.log.length - standby.log.length;
    if (missing > 0) {
      const few = standby.trouble.receivesSlowly ? 1 : missing;
      const take = this.#schedule.chance(70) ? few : this.#schedule.between(1, few);
      for (const entry of primary.log.slice(standby.log.length, standby.log.length + take)) standby.receive(entry);
    }
    if (standby.log.length === primary.log.length) standby.data = 'full';
  }

  /** The walsender takes the standby's position for one of its own log, whatever is there. */
  #answer(connection: Connection, flushed: number): void {
    const primary = this.#primary;
    if (primary.process !== 'running' || primary.starts !== connection.primaryStarts || primary.role !== 'primary') return;
    if (!connection.senderStands) return;
    if (primary.peerAttached && this.#connection === connection) primary.peerFlush = Math.max(primary.peerFlush, flushed);
    // Who is not waited for releases nobody, now or later.
    if (!primary.heedsPeer) return;
    primary.released = Math.max(primary.released, flushed);
    primary.release();
  }
}

/** A standby that wrote, or received, what its primary does not have. */
function isForked(primary: SimPostgres, standby: SimPostgres): boolean {
  return standby.timeline < primary.timeline && !isPrefix(standby.log, primary.log);
}

/**
 * Whether a walsender lets this standby begin. It knows timelines and positions only: one that asks for an older timeline is let in also
 * when it has passed its end, because the request is for the beginning of a segment.
 */
function mayAsk(primary: SimPostgres, standby: SimPostgres): boolean {
  if (standby.timeline > primary.timeline) return false;
  if (isPrefix(standby.log, primary.log)) return true;
  if (standby.timeline < primary.timeline) return true;
  return standby.log.length <= primary.log.length && commonLength(standby.log, primary.log) > 0;
}
