import { recordOf } from '../member-state.ts';
import { isLegal } from '../pair-record.ts';
import type { PairRecord } from '../pair-record.ts';
import type { SimMember } from './sim-member.ts';
import type { World } from './world.ts';

/** A settlement allows for a second to destroy own data, and the operation takes a moment until it begins. */
const unheardMaxMs = 1_200;

/** A claim is given 5 s; the member that takes it back starts and recovers, and a start that was in vain is repeated. */
const claimIdleMaxMs = 30_000;

/** Safety: what must hold after every step of a core, at every acknowledgement and at every change of the record. */
export class Invariants {
  readonly #world: World;
  #truncations = 0;
  #changedMs = 0;
  /** Since when a claim stands that the deposed member could take back. */
  #couldTakeBackMs: number | undefined;

  constructor(world: World) {
    this.#world = world;
  }

  /** Nobody commits alone against the record, and no cut of a log takes an acknowledged write along. */
  stepped(member: SimMember): void {
    const { truth, block, members } = this.#world;
    const [a, b] = members;
    const alone = [a, b].filter(({ postgres }) => postgres.commitsAlone);
    if (block && alone.length > 0) this.#world.violate(`${alone[0]?.name ?? ''} commits alone although two copies were asked for`);
    if (alone.length > 1) this.#world.violate('both members commit alone');
    const wrong = alone.find((one) => truth.primary !== one.name || truth.mode !== 'solo');
    if (wrong !== undefined) this.#world.violate(`${wrong.name} commits alone against the record (${truth.mode} ${truth.primary ?? ''})`);
    this.#claimIsTakenBack();
    const truncations = a.postgres.truncations + b.postgres.truncations;
    if (truncations !== this.#truncations) {
      this.#truncations = truncations;
      this.checkAll(`a log of ${member.name} was cut back`);
    }
  }

  /** A claimant that does not open is not waited for without end by a deposed member that could lead. */
  #claimIsTakenBack(): void {
    const { truth, members, schedule, arbiter } = this.#world;
    const deposed = truth.mode === 'claim' ? members.find(({ name }) => name !== truth.primary) : undefined;
    if (deposed === undefined || arbiter.record !== truth || !this.#couldLead(deposed)) {
      this.#couldTakeBackMs = undefined;
      return;
    }
    this.#couldTakeBackMs ??= schedule.nowMs;
    const idleMs = schedule.nowMs - this.#couldTakeBackMs;
    if (idleMs > claimIdleMaxMs)
      this.#world.violate(`${deposed.name} could lead, and the claim of ${truth.primary ?? ''} stands for ${idleMs} ms`);
  }

  #couldLead({ name, state, stopped, postgres }: SimMember): boolean {
    const { arbiter, lateArbiter, schedule } = this.#world;
    const answers = this.#world.reachesArbiter(name) && !lateArbiter.has(name) && !arbiter.slow && arbiter.downUntilMs <= schedule.nowMs;
    const runs =
      state !== undefined && !stopped && postgres.proof && !postgres.stopped && !postgres.trouble.full && !postgres.trouble.hangs;
    return answers && runs;
  }

  /** A client was told that its write is durable. */
  acknowledged(key: string, by: SimMember): void {
    for (const holder of this.mustHold()) {
      if (!holder.postgres.holds(key))
        this.#world.violate(`${key} was acknowledged by ${by.name} and is not on ${holder.name} (${this.#world.truth.mode})`);
    }
  }

  /** A member asks for the lead. While a person holds automatic failover, it may only take what it is handed. */
  claiming(member: SimMember): void {
    if (member.held && member.state?.peerView.heartbeat?.handingOver !== true)
      this.#world.violate(`${member.name} claims although failover is paused`);
  }

  /**
   * A member begins to rewind or delete its data: never one of the two copies that the record counts on. A member that was not asked to
   * leave may do so in the moment after its admission, which it has not heard of yet.
   */
  destroying({ name, postgres }: SimMember, asked: boolean): void {
    const { truth, schedule } = this.#world;
    const { mode, primary } = truth;
    if (!postgres.proof || (mode === 'solo' && primary !== name)) return;
    const unheard = mode === 'sync' && primary !== name && schedule.nowMs - this.#changedMs <= unheardMaxMs;
    if (asked || !unheard) this.#world.violate(`${name} destroys its copy (${mode} ${primary ?? ''})`);
  }

  recordChanged(from: PairRecord, to: PairRecord): void {
    if (from.mode !== to.mode) this.#changedMs = this.#world.schedule.nowMs;
    if (!isLegal(from, to)) this.#world.violate(`the record changed from ${from.mode} ${from.epoch} to ${to.mode} ${to.epoch}`);
    this.led(to);
    if (to.mode !== from.mode || to.primary !== from.primary) this.checkAll(`the record became ${to.mode} ${to.primary ?? ''}`);
  }

  /** Whoever leads has the proof of its data. */
  led({ primary, systemIdentifier }: PairRecord): void {
    if (primary === undefined || systemIdentifier === undefined || this.#world.broken === 'proof') return;
    if (!this.#world.member(primary).postgres.proof) this.#world.violate(`${primary} leads without the proof of its data`);
  }

  /** Members that must hold every acknowledged write. A disk that was lost is excused: it leads nothing without its proof. */
  mustHold(): readonly SimMember[] {
    const { mode, primary } = this.#world.truth;
    if (mode === 'new' || primary === undefined) return [];
    const bound = mode === 'sync' ? this.#world.members : [this.#world.member(primary)];
    // A promotion, or a recovery, that ended early is found out before anything is opened, or given up by the other member.
    const unfinished = (member: SimMember): boolean => mode !== 'solo' && member.postgres.cutShort && !member.open;
    return bound.filter((member) => !unfinished(member)).filter(({ postgres, name }) => name === primary || postgres.proof);
  }

  checkAll(when: string): void {
    for (const holder of this.mustHold()) {
      const log = new Set(holder.postgres.log.map((entry) => entry.key));
      const lost = this.#world.clients.flatMap((client) => client.acknowledged).filter((key) => !log.has(key));
      if (lost.length > 0) this.#world.violate(`${when}: ${holder.name} lacks ${lost.length} acknowledged writes, ${lost[0] ?? ''} first`);
    }
  }

  /** What is still not as it should be once faults have stopped. */
  unsettled(): readonly string[] {
    const { truth, members } = this.#world;
    const problems: string[] = [];
    if (truth.mode !== 'sync') problems.push(`the record says ${truth.mode}`);
    for (const { name, postgres, state, open } of members) {
      const role = truth.primary === name ? 'primary' : 'standby';
      if (state === undefined || !state.arbiter.settled) problems.push(`${name} is not settled`);
      if (state?.arbiter.frozen !== undefined) problems.push(`${name} is frozen: ${state.arbiter.frozen}`);
      if (state !== undefined && recordOf(state)?.epoch !== truth.epoch) problems.push(`${name} does not know epoch ${truth.epoch}`);
      if (postgres.process !== 'running' || postgres.role !== role) problems.push(`${name} is not a running ${role}`);
      if (role === 'standby' && !postgres.streaming) problems.push(`${name} does not stream`);
      if (role === 'primary' && (postgres.names !== 'peer' || !postgres.heedsPeer || !postgres.waits))
        problems.push(`${name} waits for ${postgres.names}`);
      if (role === 'primary' && !open) problems.push(`${name} lets nobody in`);
    }
    return problems;
  }
}
