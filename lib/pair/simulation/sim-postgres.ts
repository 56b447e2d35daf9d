import type { LocalPostgres, SyncNames } from '../member-state.ts';
import type { LogPlace } from '../pair-record.ts';
import { promotion } from './sim-log.ts';
import type { Entry } from './sim-log.ts';
import type { Schedule } from './schedule.ts';

/** A commit that was flushed here and whose client was told nothing yet. */
interface Waiting {
  readonly length: number;
  readonly entry: Entry;
  readonly acknowledge: () => void;
  readonly fail: () => void;
  /** It has looked whether commits wait, and they do. */
  asleep: boolean;
}

/** What the disk and the machine of one server do to it at the moment. */
interface Trouble {
  /** No room: commits end the server, and it does not start. */
  full: boolean;
  /** Nothing that is written reaches the disk; reading, and the processes, go on. */
  hangs: boolean;
  /** The checkpointer syncs files: it takes seconds until it reads the settings again. */
  checkpoints: boolean;
  /** Every connection is taken: clients are refused. */
  crowded: boolean;
  /** A reader holds up replay. */
  replayBlocked: boolean;
  /** A promotion takes seconds. */
  promotesSlowly: boolean;
  /** As a standby it receives little by little. */
  receivesSlowly: boolean;
}

const noTrouble: Trouble = {
  full: false,
  hangs: false,
  checkpoints: false,
  crowded: false,
  replayBlocked: false,
  promotesSlowly: false,
  receivesSlowly: false,
};

/** A checkpointer that has read its settings may lose the processor before it has told what it read: so often, and for so long at most. */
const descheduledPercent = 10;
const descheduledMs = 150;

/** Longest time in which a checkpointer that syncs files does not read its settings: seen on a slow disk. */
const checkpointerLateMs = 3_000;

/**
 * One PostgreSQL with the traits that matter: what is flushed survives a crash, acknowledged or not; whether commits wait at all is for
 * the checkpointer to say, whom they wait for is for the walsender, and each reads a changed file in its own time; an abandoned wait
 * shows its commit to everybody.
 */
export class SimPostgres {
  readonly name: string;
  process: 'down' | 'running' = 'down';
  stopped = false;
  /** SIGKILL was sent; while the disk hangs its processes cannot go yet. */
  killed = false;
  /** False while it recovers after a start: it runs, and answers nobody. */
  ready = false;
  /** Counts its starts, so that what was meant for an older server does not reach this one. */
  starts = 0;
  role: 'primary' | 'standby' = 'standby';
  /** In the file; read by each process in its own time after a reload. */
  configured: SyncNames = 'gate';
  /** As a session of the agent sees it. */
  names: SyncNames = 'gate';
  /** As the checkpointer saw it last: false lets every commit pass. */
  waits = true;
  /** It is not between reading its settings and telling what it read. */
  checkpointerRests = true;
  /** As the walsender saw it last: whether the peer's answers release commits. */
  heedsPeer = false;
  log: Entry[] = [];
  /** Standby: so much of the log is replayed. */
  replayed = 0;
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
  recovered = 0;
  /** Where the log left each earlier timeline: what its history file says. */
  left: readonly LogPlace[] = [];
  /** Standby: the first entry that it received and cannot read back. Replay stops there; a restarted standby asks for it again. */
  damagedAt: number | undefined;
  /** Down: crash recovery will take this entry of its log for the end. */
  ownDamageAt: number | undefined;
  /** Its last promotion, or crash recovery, took such an entry for the end of the log. */
  cutShort = false;
  /** Clients that keep to the rules are let in. Shut whenever it starts. */
  doorOpen = false;
  /** When the stream is cut, what was already sent still arrives until this instant. */
  lateUntilMs = 0;
  /** Commits that were acknowledged here, probes included. */
  acknowledged = 0;
  /** Raised whenever the log was cut back, so that invariants look again. */
  truncations = 0;
  trouble: Trouble = { ...noTrouble };
  readonly #schedule: Schedule;
  #waiting: Waiting[] = [];
  #unflushed: { readonly flush: () => void; readonly fail: () => void }[] = [];
  #looks = 0;
  #reloadPending = false;
  /** A signal that the checkpointer has not taken yet. */
  #checkpointerCalled = false;

  constructor(name: string, schedule: Schedule) {
    this.name = name;
    this.#schedule = schedule;
  }

  get alive(): boolean {
    return this.process === 'running' && !this.stopped && !this.killed && this.ready;
  }

  /** Whether a client that asks for a durable commit is told of one that is nowhere else. */
  get commitsAlone(): boolean {
    return this.process === 'running' && this.role === 'primary' && !this.waits;
  }

  start(role: 'primary' | 'standby', names: SyncNames): void {
    this.process = 'running';
    this.stopped = false;
    this.killed = false;
    this.ready = false;
    this.starts += 1;
    this.role = role;
    this.configured = names;
    this.names = names;
    this.waits = names !== 'none';
    this.checkpointerRests = true;
    this.#checkpointerCalled = false;
    this.heedsPeer = names === 'peer';
    this.streaming = false;
    this.peerAttached = false;
    this.peerFlush = 0;
    this.released = 0;
    this.doorOpen = false;
    if (this.ownDamageAt !== undefined) this.#cutAt(Math.min(this.ownDamageAt, this.log.length));
    this.ownDamageAt = undefined;
    this.replayed = this.log.length;
    this.damagedAt = undefined;
    if (role === 'primary' && this.standbyData) this.mark(promotion);
    this.standbyData = role === 'standby';
    this.recovered = this.log.length;
  }

  promote(): void {
    if (this.damagedAt !== undefined && this.damagedAt < this.log.length) {
      this.#cutAt(this.damagedAt);
    }
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
    this.waits = true;
    this.doorOpen = false;
    const unflushed = this.#unflushed;
    this.#unflushed = [];
    for (const { fail } of unflushed) fail();
    this.#reloadPending = false;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const one of waiting) one.fail();
  }

  /** SIGSTOP. */
  stop(): void {
    this.stopped = true;
  }

  /** SIGCONT: signals that arrived meanwhile are taken now. */
  goOn(): void {
    this.stopped = false;
    if (this.#reloadPending) this.reload();
    this.release();
  }

  mark(what: string): void {
    this.receive({ key: what });
  }

  /** Flushes one more entry. */
  receive(entry: Entry): void {
    if (entry.key === promotion) this.#leaveTimeline(this.log.length);
    this.log.push(entry);
  }

  /** Replays what it has received, unless a reader is in the way. */
  replay(): void {
    if (this.trouble.replayBlocked) return;
    // What cannot be read back is asked for again, while there is somebody to ask.
    if (this.streaming) this.damagedAt = undefined;
    this.replayed = this.readableEnd;
  }

  /** How far the log can be read back. */
  get readableEnd(): number {
    return Math.min(this.log.length, this.damagedAt ?? this.log.length);
  }

  setNames(names: SyncNames): void {
    this.configured = names;
    this.reload();
  }

  /** SIGHUP, for whatever reason it was sent. Sessions, checkpointer and walsender read the file each in their own time. */
  reload(): void {
    if (this.process !== 'running') return;
    this.#reloadPending = this.stopped;
    if (this.stopped) return;
    const schedule = this.#schedule;
    const { starts } = this;
    this.names = this.configured;
    this.#callCheckpointer();
    this.#later(schedule.between(0, 15), starts, () => {
      this.heedsPeer = this.configured === 'peer';
      this.release();
    });
  }

  /** One thing after the other: a signal that comes while it reads is taken afterwards. */
  #callCheckpointer(): void {
    if (this.#checkpointerCalled) return;
    this.#checkpointerCalled = true;
    if (this.checkpointerRests) this.#checkpointerReads();
  }

  #checkpointerReads(): void {
    const schedule = this.#schedule;
    const { starts } = this;
    this.#later(schedule.between(0, this.trouble.checkpoints ? checkpointerLateMs : 15), starts, () => {
      this.#checkpointerCalled = false;
      this.checkpointerRests = false;
      const read = this.configured;
      this.#later(schedule.chance(descheduledPercent) ? schedule.between(1, descheduledMs) : 0, starts, () => {
        this.checkpointerRests = true;
        this.waits = read !== 'none';
        this.release();
        if (this.#checkpointerCalled) this.#checkpointerReads();
      });
    });
  }

  /** Commits a key: it is flushed here, looks whether commits wait, and is acknowledged when it need not or the peer has it. */
  commit(key: string, acknowledge: () => void, fail: () => void): void {
    if (this.trouble.hangs) {
      this.#unflushed.push({ flush: () => this.commit(key, acknowledge, fail), fail });
      return;
    }
    const entry: Entry = { key };
    this.log.push(entry);
    const waiting: Waiting = { length: this.log.length, entry, acknowledge, fail, asleep: false };
    this.#waiting.push(waiting);
    // A flush and the look at the settings after it are two moments.
    const lookMs = this.#schedule.chance(15) ? this.#schedule.between(1, 4) : 0;
    if (lookMs === 0) this.#look(waiting);
    else this.#later(lookMs, this.starts, () => this.#look(waiting));
  }

  /** Clients cancel their waits, or their sessions are ended: nothing is acknowledged, and everybody sees the commits. */
  abandon(): void {
    const given = this.#waiting.filter(({ asleep }) => asleep);
    this.#waiting = this.#waiting.filter(({ asleep }) => !asleep);
    for (const { entry, fail } of given) {
      entry.abandoned = true;
      fail();
    }
  }

  /** Sessions see the log up to here; what comes after it waits for the standby. */
  get visible(): number {
    const first = this.#waiting[0];
    return first === undefined ? this.log.length : first.length - 1;
  }

  holds(key: string): boolean {
    return this.log.some((entry) => entry.key === key);
  }

  /** Acknowledges whatever may be. */
  release(): void {
    if (this.#waiting.length === 0 || !this.alive || this.role !== 'primary') return;
    const may = (one: Waiting): boolean => one.asleep && (!this.waits || (this.heedsPeer && one.length <= this.released));
    const ready = this.#waiting.filter(may);
    if (ready.length === 0) return;
    this.#waiting = this.#waiting.filter((one) => !may(one));
    this.acknowledged += ready.length;
    for (const one of ready) one.acknowledge();
  }

  /** The disk takes writes again. */
  flushAgain(): void {
    this.trouble.hangs = false;
    const unflushed = this.#unflushed;
    this.#unflushed = [];
    if (this.role === 'primary' && this.process === 'running') for (const { flush } of unflushed) flush();
  }

  /** Everything that troubles it is over. */
  heal(): void {
    const { hangs } = this.trouble;
    this.trouble = { ...noTrouble, hangs };
    if (hangs) this.flushAgain();
    if (this.stopped) this.goOn();
  }

  truncate(log: Entry[]): void {
    this.log = log;
    this.replayed = log.length;
    this.timeline = 1;
    this.left = [];
    for (const [at, { key }] of log.entries()) if (key === promotion) this.#leaveTimeline(at);
    this.truncations += 1;
    this.damagedAt = undefined;
    this.cutShort = false;
  }

  /** What a promotion keeps of a log that it can read so far only. It counts on from the timeline that it was to be on. */
  #cutAt(end: number): void {
    const { timeline, left } = this;
    this.truncate(this.log.slice(0, end));
    this.cutShort = true;
    this.timeline = timeline;
    this.left = left;
  }

  #leaveTimeline(at: number): void {
    this.left = [...this.left, { timeline: this.timeline, lsn: BigInt(at) }];
    this.timeline += 1;
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
      replay: BigInt(this.role === 'standby' ? this.replayed : this.log.length),
      peerAttached: this.peerAttached,
      peerFlush: BigInt(this.peerFlush),
      recovered: BigInt(this.recovered),
      look: (this.#looks += 1),
      left: this.role === 'primary' ? this.left : [],
    };
  }

  #look(waiting: Waiting): void {
    if (this.stopped) return this.#later(5, this.starts, () => this.#look(waiting));
    waiting.asleep = true;
    return this.release();
  }

  #later(delayMs: number, starts: number, task: () => void): void {
    const run = (): void => {
      if (this.starts === starts && this.process === 'running') task();
    };
    if (delayMs === 0) run();
    else this.#schedule.after(delayMs, run);
  }
}
