import { seededRandom } from '#lib/base/random.ts';
import { isLegal } from '../pair-record.ts';
import type { PairRecord } from '../pair-record.ts';
import type { Sabotage } from './sabotage.ts';
import { Schedule } from './schedule.ts';
import { SimArbiter } from './sim-arbiter.ts';
import { SimClient } from './sim-client.ts';
import { SimMember } from './sim-member.ts';
import { SimPostgres, stream } from './sim-postgres.ts';

/** Lines kept of what happened, for the report of a violation: the newest. */
const storyMax = 200;

/** Two members, an arbiter, a network and clients in one simulated world, with the invariants checked as it moves. */
export class World {
  readonly schedule: Schedule;
  readonly arbiter: SimArbiter;
  readonly members: readonly [SimMember, SimMember];
  readonly clients: readonly SimClient[];
  readonly broken: Sabotage | undefined;
  readonly cutAgent = new Set<string>();
  readonly cutArbiter = new Set<string>();
  cutSql = false;
  /** Whether this pair was told to acknowledge nothing without two copies. */
  readonly block: boolean;
  violation: string | undefined;
  steps = 0;
  failovers = 0;
  readonly switchovers = { done: 0, refused: 0 };
  readonly story: string[] = [];
  #truncations = 0;

  constructor(seed: number, broken?: Sabotage) {
    this.schedule = new Schedule(seededRandom(seed));
    this.broken = broken;
    this.block = seed % 2 === 1;
    this.arbiter = new SimArbiter(this.schedule, broken, (from, to) => this.#recordChanged(from, to));
    const a = new SimMember('a', 'b', new SimPostgres(), this);
    const b = new SimMember('b', 'a', new SimPostgres(), this);
    this.members = [a, b];
    this.clients = [new SimClient(this, 'k', true), new SimClient(this, 'r', false)];
    this.#stream();
  }

  member(name: string): SimMember {
    return name === 'a' ? this.members[0] : this.members[1];
  }

  /** Whether messages of this member's agent reach the other's. */
  linked(from: string): boolean {
    return !this.cutAgent.has(from);
  }

  sqlLinked(): boolean {
    return !this.cutSql;
  }

  reachesArbiter(name: string): boolean {
    return !this.cutArbiter.has(name);
  }

  note(line: string): void {
    if (this.story.length >= storyMax) this.story.shift();
    this.story.push(`${this.schedule.nowMs} ${line}`);
  }

  /** After every step of a core. */
  stepped(member: SimMember): void {
    this.steps += 1;
    const { record } = this.arbiter;
    const alone = this.members.filter(
      ({ postgres }) => postgres.process === 'running' && postgres.role === 'primary' && postgres.names === 'none',
    );
    if (this.block && alone.length > 0) this.#violate(`${alone[0]?.name ?? ''} commits alone although two copies were asked for`);
    if (alone.length > 1) this.#violate('both members commit alone');
    const wrong = alone.find((one) => record.primary !== one.name || record.mode !== 'solo');
    if (wrong !== undefined) this.#violate(`${wrong.name} commits alone against the record (${record.mode} ${record.primary ?? ''})`);
    const truncations = this.members[0].postgres.truncations + this.members[1].postgres.truncations;
    if (truncations !== this.#truncations) {
      this.#truncations = truncations;
      this.#checkAll(`a log of ${member.name} was cut back`);
    }
  }

  /** A client was told that its write is durable. */
  acknowledged(key: string, by: SimMember): void {
    for (const holder of this.#mustHold()) {
      if (!holder.postgres.holds(key))
        this.#violate(`${key} was acknowledged by ${by.name} and is not on ${holder.name} (${this.arbiter.record.mode})`);
    }
  }

  /** A member is about to rewind or delete its data: never one of the two copies that the record counts on. */
  destroying({ name, postgres }: SimMember): void {
    const { mode, primary } = this.arbiter.record;
    if (postgres.proof && (mode !== 'solo' || primary === name)) this.#violate(`${name} destroys its copy (${mode} ${primary ?? ''})`);
  }

  violated(): boolean {
    return this.violation !== undefined;
  }

  /** What is still not as it should be once faults have stopped. */
  unsettled(): readonly string[] {
    const { record } = this.arbiter;
    const problems: string[] = [];
    if (record.mode !== 'sync') problems.push(`the record says ${record.mode}`);
    for (const { name, postgres, state } of this.members) {
      const role = record.primary === name ? 'primary' : 'standby';
      if (state === undefined || !state.arbiter.settled) problems.push(`${name} is not settled`);
      if (postgres.process !== 'running' || postgres.role !== role) problems.push(`${name} is not a running ${role}`);
      if (role === 'standby' && !postgres.streaming) problems.push(`${name} does not stream`);
      if (role === 'primary' && postgres.names !== 'peer') problems.push(`${name} waits for ${postgres.names}`);
    }
    return problems;
  }

  /** Members that must hold every acknowledged write. A disk that was lost is excused: it leads nothing without its proof. */
  #mustHold(): readonly SimMember[] {
    const { mode, primary } = this.arbiter.record;
    if (mode === 'new' || primary === undefined) return [];
    const bound = mode === 'sync' ? this.members : [this.member(primary)];
    return bound.filter(({ postgres, name }) => name === primary || postgres.proof);
  }

  #recordChanged(from: PairRecord, to: PairRecord): void {
    if (from.mode !== to.mode || from.primary !== to.primary)
      this.note(`record ${to.mode} ${to.primary ?? ''} epoch ${to.epoch} by ${to.author}: ${to.reason}`);
    if (to.mode === 'claim') this.failovers += 1;
    if (!isLegal(from, to)) this.#violate(`the record changed from ${from.mode} ${from.epoch} to ${to.mode} ${to.epoch}`);
    if (to.mode !== from.mode || to.primary !== from.primary) this.#checkAll(`the record became ${to.mode} ${to.primary ?? ''}`);
    if (
      to.primary !== undefined &&
      to.systemIdentifier !== undefined &&
      this.broken !== 'proof' &&
      !this.member(to.primary).postgres.proof
    ) {
      this.#violate(`${to.primary} leads without the proof of its data`);
    }
  }

  #checkAll(when: string): void {
    for (const holder of this.#mustHold()) {
      const log = new Set(holder.postgres.log.map((entry) => entry.key));
      const lost = this.clients.flatMap((client) => client.acknowledged).filter((key) => !log.has(key));
      if (lost.length > 0) this.#violate(`${when}: ${holder.name} lacks ${lost.length} acknowledged writes, ${lost[0] ?? ''} first`);
    }
  }

  #violate(what: string): void {
    this.violation ??= what;
    this.note(`VIOLATION ${what}`);
  }

  #stream(): void {
    const [a, b] = this.members;
    stream(this.schedule, a.postgres, b.postgres, !this.cutSql);
    stream(this.schedule, b.postgres, a.postgres, !this.cutSql);
    this.schedule.after(this.schedule.between(2, 8), () => this.#stream());
  }
}
