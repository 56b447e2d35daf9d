import { seededRandom } from '#lib/base/random.ts';
import type { PairRecord } from '../pair-record.ts';
import { Expectations } from './expectations.ts';
import type { LifeKind } from './fault-schedule.ts';
import { Invariants } from './invariants.ts';
import type { Sabotage } from './sabotage.ts';
import { Schedule } from './schedule.ts';
import { SimArbiter } from './sim-arbiter.ts';
import type { Reach } from './sim-arbiter.ts';
import { SimClient } from './sim-client.ts';
import { SimMember } from './sim-member.ts';
import { SimNetwork } from './sim-network.ts';
import { SimPostgres } from './sim-postgres.ts';
import { SimReaders } from './sim-readers.ts';
import { SimStream } from './sim-stream.ts';

/** Lines kept of what happened, for the report of a violation: the newest. */
const storyMax = 200;

/** The record is watched: word of a change comes after this at the latest, if it comes at all. */
const hintMaxMs = 300;

/** Two members, an arbiter, a network, clients and readers in one simulated world, with the invariants checked as it moves. */
export class World {
  readonly schedule: Schedule;
  readonly network: SimNetwork;
  readonly arbiter: SimArbiter;
  readonly members: readonly [SimMember, SimMember];
  readonly clients: readonly SimClient[];
  readonly invariants: Invariants;
  readonly expectations: Expectations;
  readonly broken: Sabotage | undefined;
  readonly cutArbiter = new Set<string>();
  /** Members whose changes of the record come late, and what is to happen when one does. */
  readonly lateArbiter = new Map<string, () => void>();
  /** Whether this pair was told to acknowledge nothing without two copies. */
  readonly block: boolean;
  /** A person has paused automatic failover. */
  paused = false;
  /** A person looks after the record. */
  recordWatched = false;
  /** What stands in the arbiter by right: the last record that a member, or a person who compared, has written. */
  truth: PairRecord;
  /** Faults are over: what was to be undone has been. */
  healed = false;
  violation: string | undefined;
  steps = 0;
  failovers = 0;
  readonly switchovers = { done: 0, refused: 0 };
  readonly story: string[] = [];
  readonly #readers: SimReaders;
  readonly #streams: readonly SimStream[];

  constructor(seed: number, kind: LifeKind, broken?: Sabotage) {
    this.schedule = new Schedule(seededRandom(seed));
    this.broken = broken;
    this.block = seed % 2 === 1;
    this.network = new SimNetwork(this.schedule);
    this.arbiter = new SimArbiter(this.schedule, { broken, vacancy: seed % 3 === 0 }, (from, to) => this.#recordChanged(from, to));
    this.truth = this.arbiter.record;
    const a = new SimMember('a', 'b', new SimPostgres('a', this.schedule), this);
    const b = new SimMember('b', 'a', new SimPostgres('b', this.schedule), this);
    this.members = [a, b];
    this.clients = [new SimClient(this, 'k', true), new SimClient(this, 'r', false)];
    this.invariants = new Invariants(this);
    this.expectations = new Expectations(this, kind);
    this.#readers = new SimReaders(this);
    this.#streams = [
      new SimStream(a.postgres, b.postgres, this.network, this.schedule),
      new SimStream(b.postgres, a.postgres, this.network, this.schedule),
    ];
  }

  start(): void {
    for (const member of this.members) member.startAgent();
    for (const client of this.clients) client.start();
    this.#readers.start();
    this.#move();
  }

  member(name: string): SimMember {
    return name === 'a' ? this.members[0] : this.members[1];
  }

  reachesArbiter(name: string): boolean {
    return !this.cutArbiter.has(name) && this.member(name).powered;
  }

  /** How a request of this member gets to the arbiter. Of a change that comes late, whoever waits for one to strike hears. */
  reach(name: string, changes: boolean): Reach {
    if (!this.reachesArbiter(name)) return 'no';
    if (!changes || !this.lateArbiter.has(name)) return 'yes';
    this.lateArbiter.get(name)?.();
    return 'late';
  }

  note(line: string): void {
    if (this.story.length >= storyMax) this.story.shift();
    this.story.push(`${this.schedule.nowMs} ${line}`);
  }

  /** A person has written the record after comparing both members. */
  adopted(record: PairRecord): void {
    this.truth = record;
    this.note(`record adopted: ${record.mode} ${record.primary ?? ''} epoch ${record.epoch}`);
    this.invariants.led(record);
    this.invariants.checkAll('the record was adopted');
  }

  /** After every step of a core. */
  stepped(member: SimMember): void {
    this.steps += 1;
    this.invariants.stepped(member);
  }

  violate(what: string): void {
    this.violation ??= what;
    this.note(`VIOLATION ${what}`);
  }

  violated(): boolean {
    return this.violation !== undefined;
  }

  #recordChanged(from: PairRecord, to: PairRecord): void {
    if (from.mode !== to.mode || from.primary !== to.primary)
      this.note(`record ${to.mode} ${to.primary ?? ''} epoch ${to.epoch} by ${to.author}: ${to.reason}`);
    this.truth = to;
    if (to.mode === 'claim' && from.mode !== 'claim') this.failovers += 1;
    this.invariants.recordChanged(from, to);
    this.expectations.recordChanged(from, to);
    for (const member of this.members) {
      if (this.schedule.chance(30)) continue;
      this.schedule.after(this.schedule.between(1, hintMaxMs), () => {
        if (this.reachesArbiter(member.name)) member.send({ on: 'recordHinted' });
      });
    }
  }

  #move(): void {
    for (const stream of this.#streams) stream.move();
    this.schedule.after(this.schedule.between(2, 8), () => this.#move());
  }
}
