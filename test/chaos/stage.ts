import type { MemberStatus } from '#agents/member/contract.ts';
import { eventually } from '../cluster/eventually.ts';
import type { PairStand } from '../pair/pair-stand.ts';
import { acknowledgedAgain, inStep, leadsAlone, other, takenOverBy, waits } from '../pair/watch-pair.ts';
import type { Name } from '../pair/watch-pair.ts';
import type { ChaosPair, Machine } from './chaos-pair.ts';

const lookEveryMs = 100;

/** What a scenario acts on: a pair in step, and who leads it at the beginning. */
export class Stage {
  readonly pair: ChaosPair;
  readonly primary: Machine;
  readonly standby: Machine;
  readonly epoch: number;
  /** What was seen on the way, for the report. */
  readonly notes: string[] = [];
  readonly #undo: (() => Promise<unknown>)[] = [];

  private constructor(pair: ChaosPair, leader: Name, epoch: number) {
    this.pair = pair;
    this.primary = pair.machines[leader];
    this.standby = pair.machines[other(leader)];
    this.epoch = epoch;
  }

  static async set(pair: ChaosPair): Promise<Stage> {
    const { leader, epoch } = await inStep(pair.stand);
    return new Stage(pair, leader, epoch);
  }

  get stand(): PairStand {
    return this.pair.stand;
  }

  /** Something to be done at the end, however the scenario ends; the last given is done first. */
  undo(task: () => Promise<unknown>): void {
    this.#undo.push(task);
  }

  /** Undoes everything that is still to be undone. */
  async heal(): Promise<void> {
    const failures: unknown[] = [];
    for (let task = this.#undo.pop(); task !== undefined; task = this.#undo.pop())
      await task().catch((error: unknown) => failures.push(error));
    if (failures.length > 0) throw new AggregateError(failures, 'the scenario could not be undone');
  }

  async status(machine: Machine): Promise<MemberStatus> {
    return await this.stand.status(machine.name);
  }

  /** Waits until this machine serves in a later epoch than that of the beginning. */
  async takenOver(by: Machine = this.standby): Promise<void> {
    await takenOverBy(this.stand, by.name, this.epoch);
  }

  /** Waits until the machine leads without a second copy. */
  async leadsAlone(machine: Machine = this.primary): Promise<void> {
    await leadsAlone(this.stand, machine.name);
  }

  /** Waits until both copies are in step, whoever leads. */
  async inStep(): Promise<{ readonly leader: Name; readonly epoch: number }> {
    return await inStep(this.stand);
  }

  /** Waits until clients that follow the public name are acknowledged. */
  async acknowledged(): Promise<void> {
    await acknowledgedAgain(this.pair.writer);
  }

  /** Waits until whoever goes straight to this machine is acknowledged. */
  async acknowledgedBy(machine: Machine): Promise<void> {
    await acknowledgedAgain(this.pair.observers[machine.name]);
  }

  /** Sees for so long that the record keeps its leader: there is no condition whose coming would end the wait. */
  async keepsLeader(forMs: number, seenFrom: Machine = this.primary): Promise<void> {
    const endMs = performance.now() + forMs;
    while (performance.now() < endMs) {
      const status = await this.status(seenFrom).catch(() => undefined);
      const epoch = status?.record?.epoch ?? this.epoch;
      if (epoch !== this.epoch) throw new Error(`the leader changed: epoch ${this.epoch} became ${epoch}`);
      await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
    }
  }

  /** Sees for so long that nobody is acknowledged, by whichever way. */
  async nobodyAcknowledges(forMs: number): Promise<void> {
    const everyone = [this.pair.writer, ...Object.values(this.pair.observers)];
    const count = (): number => everyone.reduce((sum, { acknowledged }) => sum + acknowledged.length, 0);
    const before = count();
    await new Promise((resolve) => setTimeout(resolve, forMs));
    const more = count() - before;
    if (more > 0) throw new Error(`${more} writes were acknowledged while nobody may acknowledge`);
  }

  /** Waits for a condition, generously. */
  async until<T>(what: string, check: () => T | undefined | false | Promise<T | undefined | false>): Promise<T> {
    return await eventually(what, check, waits);
  }
}
