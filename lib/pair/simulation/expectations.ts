import { defaultLimits } from '../limits.ts';
import { failoverBlockedBy } from '../outputs.ts';
import type { PairRecord } from '../pair-record.ts';
import { admissionRetry } from '../admission.ts';
import type { LifeKind } from './fault-schedule.ts';
import type { SimMember } from './sim-member.ts';
import type { World } from './world.ts';

/** The longest from a failure to the decision, by the default limits. */
const detectionMaxMs = Math.max(defaultLimits.suspectAfterMs, defaultLimits.canaryStaleAfterMs) + 2 * defaultLimits.periodMs;

/**
 * From the failure of a leader to the first commit of the next, in a world in which nothing else goes wrong: the longest detection, and
 * claim, fence, promotion and opening with their longest simulated delays.
 */
const takeOverMaxMs = detectionMaxMs + 1_500;

/** Changes of the record's mode in a minute of flapping: each admission and its loss, with the pauses between that double up to the last. */
const flapsMax = 2 * (Math.ceil(60_000 / admissionRetry.maxMs) + Math.ceil(Math.log2(admissionRetry.maxMs / admissionRetry.firstMs)) + 2);

/** Liveness while faults are on: a failover where one is due, in time; none where none is due; and no thrashing. */
export class Expectations {
  readonly #world: World;
  readonly #kind: LifeKind;
  #changes = 0;

  constructor(world: World, kind: LifeKind) {
    this.#world = world;
    this.#kind = kind;
  }

  /** No failover may happen in this life. */
  get calm(): boolean {
    return this.#kind === 'calm';
  }

  recordChanged(from: PairRecord, to: PairRecord): void {
    if (this.calm && to.mode === 'claim' && from.mode !== 'claim') this.#world.violate(`a failover where none was due: ${to.reason}`);
    if (from.mode !== to.mode) this.#changes += 1;
    if (this.#kind === 'flapping' && this.#changes > flapsMax)
      this.#world.violate(`the record changed ${this.#changes} times while the links flapped`);
  }

  /** The leader is about to fail. What it says now of a take-over must come true. */
  leaderFails(leader: SimMember): void {
    const { state, peer } = leader;
    if (this.#kind !== 'fatal' || state === undefined) return;
    const blocked = failoverBlockedBy(state);
    const { epoch } = this.#world.truth;
    const { acknowledged } = peer.postgres;
    this.#world.note(`${leader.name} says before it fails: ${blocked ?? 'a take-over is possible'}`);
    this.#world.schedule.after(takeOverMaxMs, () => {
      const { truth } = this.#world;
      const took = truth.primary === peer.name && truth.epoch > epoch;
      if (blocked !== undefined && took) this.#world.violate(`${peer.name} took over although ${leader.name} had said ${blocked}`);
      // Under Block commits wait for the second copy, and readers go on.
      const serves = this.#world.block ? peer.open : peer.postgres.acknowledged > acknowledged;
      if (blocked === undefined && !(took && serves))
        this.#world.violate(`${peer.name} did not take over within ${takeOverMaxMs} ms although ${leader.name} had said that it could`);
    });
  }
}
