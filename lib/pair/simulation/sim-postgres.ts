import type { LocalPostgres, SyncNames } from '../member-state.ts';
import type { Schedule } from './schedule.ts';

/** An entry of the simulated WAL: a client's key, or a mark that a promotion or a retry leaves. Two writes of one key are two entries. */
export interface Entry {
  readonly key: string;
}

interface Waiting {
  readonly length: number;
  readonly acknowledge: () => void;
  readonly fail: () => void;
}

const promotion = 'promoted';

/**
 * One PostgreSQL with the traits that matter: what is flushed survives a crash, acknowledged or not; commits wait for the names in force
 * when they look, and for a late answer of the standby too; a standby receives only what continues its own log.
 */
export class SimPostgres {
  process: 'down' | 'running' = 'down';
  stopped = false;
  /** False while it recovers after a start: it runs, and answers nobody. */
  ready = false;
  /** Counts its starts, so that what was meant for an older server does not reach this one. */
  starts = 0;
  role: 'primary' | 'standby' = 'standby';
  /** In the file; in force from the next reload on. */
  configured: SyncNames = 'gate';
  names: SyncNames = 'gate';
  log: Entry[] = [];
  /** Grows with each promotion, and comes with the log. */
  timeline = 1;
  data: 'empty' | 'partial' | 'full' = 'empty';
  proof = false;
  /** The data directory is that of a standby: starting it as primary promotes it. */
  standbyData = false;
  upstream = false;
  streaming = false;
  peerAttached = false;
  /** What the peer's present stream has flushed. */
  peerFlush = 0;
  /** The highest position that any answer of the peer has released commits up to. */
  released = 0;
  /** Counts the peer's streams, so that a late answer of an older one does not speak for the present one. */
  connection = 0;
  recovered = 0;
  /** When the stream is cut, what was already sent still arrives until this instant. */
  lateUntilMs = 0;
  /** Raised whenever the log was cut back, so that invariants look again. */
  truncations = 0;
  #waiting: Waiting[] = [];

  get alive(): boolean {
    return this.process === 'running' && !this.stopped && this.ready;
  }

  start(role: 'primary' | 'standby', names: SyncNames): void {
    this.process = 'running';
    this.stopped = false;
    this.ready = false;
    this.starts += 1;
    this.role = role;
    this.configured = names;
    this.names = names;
    this.streaming = false;
    this.peerAttached = false;
    this.peerFlush = 0;
    this.released = 0;
    if (role === 'primary' && this.standbyData) this.mark(promotion);
    this.standbyData = role === 'standby';
    this.recovered = this.log.length;
  }

  promote(): void {
    this.role = 'primary';
    this.standbyData = false;
    this.streaming = false;
    this.upstream = false;
    this.mark(promotion);
    this.recovered = this.log.length;
  }

  /** Ends it as a power cut would: nothing flushed is lost, and every waiting client is left in doubt. */
  die(): void {
    this.process = 'down';
    this.stopped = false;
    this.ready = false;
    this.streaming = false;
    this.peerAttached = false;
    this.names = 'gate';
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const one of waiting) one.fail();
  }

  mark(what: string): void {
    this.receive({ key: what });
  }

  /** Flushes one more entry. */
  receive(entry: Entry): void {
    this.log.push(entry);
    if (entry.key === promotion) this.timeline += 1;
  }

  setNames(names: SyncNames): void {
    this.configured = names;
    this.reload();
  }

  /** SIGHUP, for whatever reason it was sent. A stopped server takes it when it goes on. */
  reload(): void {
    if (this.process !== 'running' || this.stopped) return;
    this.names = this.configured;
    this.release();
  }

  /** Commits a key: it is flushed here at once, and acknowledged when the names allow it. */
  commit(key: string, acknowledge: () => void, fail: () => void): void {
    this.log.push({ key });
    this.#waiting.push({ length: this.log.length, acknowledge, fail });
    this.release();
  }

  holds(key: string): boolean {
    return this.log.some((entry) => entry.key === key);
  }

  /** Acknowledges whatever may be. */
  release(): void {
    if (this.#waiting.length === 0 || !this.alive || this.role !== 'primary' || this.names === 'gate') return;
    const may = (one: Waiting): boolean => this.names === 'none' || one.length <= this.released;
    const ready = this.#waiting.filter(may);
    if (ready.length === 0) return;
    this.#waiting = this.#waiting.filter((one) => !may(one));
    for (const one of ready) one.acknowledge();
  }

  truncate(log: Entry[]): void {
    this.log = log;
    this.timeline = 1 + log.filter(({ key }) => key === promotion).length;
    this.truncations += 1;
  }

  picture(proofIgnored: boolean): LocalPostgres {
    const complete = this.proof || (proofIgnored && this.data !== 'empty');
    return {
      process: this.process,
      role: this.role,
      names: this.names,
      data: this.data === 'empty' ? 'empty' : complete ? 'complete' : 'incomplete',
      systemIdentifier: this.data === 'empty' ? undefined : '7000000000000000001',
      upstream: this.upstream,
      streaming: this.streaming,
      consistent: this.data === 'full',
      timeline: this.timeline,
      flush: BigInt(this.log.length),
      replay: BigInt(this.log.length),
      peerAttached: this.peerAttached,
      peerFlush: BigInt(this.peerFlush),
      recovered: BigInt(this.recovered),
    };
  }
}

/** Whether `a` is a beginning of `b`. */
export function isPrefix(a: readonly Entry[], b: readonly Entry[]): boolean {
  if (a.length > b.length) return false;
  // A log only grows at its end, so the same last entry means the same beginning.
  return a.length === 0 || a[a.length - 1] === b[a.length - 1];
}

export function commonLength(a: readonly Entry[], b: readonly Entry[]): number {
  let low = 0;
  let high = Math.min(a.length, b.length);
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (a[middle - 1] === b[middle - 1]) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** One delivery of the stream from `primary` to `standby`; the answer that it is flushed travels back later, even if the stream is cut. */
export function stream(schedule: Schedule, primary: SimPostgres, standby: SimPostgres, connected: boolean): void {
  const late = schedule.nowMs < standby.lateUntilMs;
  const wanted = standby.upstream || late;
  const possible = connected && wanted && standby.alive && primary.alive && standby.role === 'standby' && primary.role === 'primary';
  if (!possible || !isPrefix(standby.log, primary.log) || standby.data === 'empty') {
    standby.streaming = false;
    primary.peerAttached = false;
    primary.peerFlush = 0;
    return;
  }
  standby.streaming = standby.upstream;
  if (!primary.peerAttached) primary.connection += 1;
  primary.peerAttached = true;
  const missing = primary.log.length - standby.log.length;
  if (missing > 0) {
    const take = schedule.chance(70) ? missing : schedule.between(1, missing);
    for (const entry of primary.log.slice(standby.log.length, standby.log.length + take)) standby.receive(entry);
  }
  if (standby.log.length === primary.log.length) standby.data = 'full';
  const flushed = standby.log.length;
  const { recovered, connection } = primary;
  schedule.after(schedule.between(0, 5), () => {
    // The walsender reads the answer of its own connection only: one of an older life of this primary is gone with it.
    if (primary.process !== 'running' || primary.role !== 'primary' || primary.recovered !== recovered) return;
    if (primary.peerAttached && primary.connection === connection) primary.peerFlush = Math.max(primary.peerFlush, flushed);
    primary.released = Math.max(primary.released, flushed);
    primary.release();
  });
}
