import { setTimeout as sleep } from 'node:timers/promises';
import type { MemberStatus } from '#agents/member/contract.ts';
import type { FailoverVerdict } from '#lib/pair/explain.ts';
import { diskFreePercentMin } from '#operator/pair/pair-facts.ts';
import { eventually } from '../cluster/eventually.ts';
import { longestGapMs } from '../pair/gap.ts';
import type { PairStand } from '../pair/pair-stand.ts';
import { serverProcess } from '../pair/server-processes.ts';
import type { ServerProcess } from '../pair/server-processes.ts';
import { acknowledgedAgain, inStep, leadsAlone, other, takenOverBy, waits } from '../pair/watch-pair.ts';
import type { Name } from '../pair/watch-pair.ts';
import type { ChaosPair, Machine } from './chaos-pair.ts';
import { foretell } from './foretell.ts';
import type { DiskPace } from './disk.ts';
import type { Witness } from './local-observer.ts';

const lookEveryMs = 100;

/** What a scenario acts on: a pair in step, and who leads it at the beginning. */
export class Stage {
  readonly pair: ChaosPair;
  readonly primary: Machine;
  readonly standby: Machine;
  readonly epoch: number;
  /** What was seen on the way, for the report. */
  readonly notes: string[] = [];
  /** Epochs that a record written anew by a person began: no change of the leader by the pair. */
  adoptedEpochs = 0;
  readonly #undo: (() => Promise<unknown>)[] = [];
  readonly #logged: Readonly<Record<Name, number>>;
  #foretold: FailoverVerdict | undefined;

  private constructor(pair: ChaosPair, leader: Name, epoch: number, logged: Readonly<Record<Name, number>>) {
    this.pair = pair;
    this.#logged = logged;
    this.primary = pair.machines[leader];
    this.standby = pair.machines[other(leader)];
    this.epoch = epoch;
  }

  static async set(pair: ChaosPair): Promise<Stage> {
    const { leader, epoch } = await inStep(pair.stand);
    const { a, b } = pair.machines;
    // A disk that was full in the scenario before is looked at every two seconds.
    await eventually('no disk is called full', () => hasRoom(pair.stand), waits);
    return new Stage(pair, leader, epoch, { a: (await a.member.log()).length, b: (await b.member.log()).length });
  }

  get stand(): PairStand {
    return this.pair.stand;
  }

  /** Something to be done at the end, however the scenario ends; the last given is done first. */
  undo(task: () => Promise<unknown>): void {
    this.#undo.push(task);
  }

  /**
   * Makes the primary fail, after asking what the pair would do then. The end of the scenario shows whether it was right: somebody must have
   * taken over when it said so, and nobody when it did not.
   */
  async primaryFails(fail: () => Promise<unknown>): Promise<void> {
    this.#foretold = await foretell(this.stand);
    await fail();
  }

  /** Cuts the primary off from everybody until the other member has taken over, and lets it come back: it has something to rewind. */
  async deposeByCut(): Promise<void> {
    const { branch } = this.primary;
    this.undo(() => branch.cut([]));
    await this.primaryFails(() => branch.cut([{}]));
    await this.takenOver();
    await branch.cut([]);
  }

  /** What was said before the primary failed; undefined in a scenario in which it does not. */
  get foretold(): FailoverVerdict | undefined {
    return this.#foretold;
  }

  /** Undoes everything that is still to be undone. */
  async heal(): Promise<void> {
    const failures: unknown[] = [];
    for (let task = this.#undo.pop(); task !== undefined; task = this.#undo.pop())
      await task().catch((error: unknown) => failures.push(error));
    if (failures.length > 0) throw new AggregateError(failures, 'the scenario could not be undone');
  }

  /**
   * Stops one process of the machine's PostgreSQL, and it alone.
   *
   * @returns lets it go on; at the end of the scenario it does so in any case.
   */
  async freeze({ name, member }: Machine, does: ServerProcess): Promise<() => void> {
    const pid = await this.until(`${name} has a ${does}`, () => serverProcess(member.dataDirectory, does));
    const goOn = (): void => signal(pid, 'SIGCONT');
    this.undo(() => Promise.resolve(goOn()));
    signal(pid, 'SIGSTOP');
    return goOn;
  }

  /** Asks one process of the machine's PostgreSQL to end. */
  async end({ name, member }: Machine, does: ServerProcess): Promise<void> {
    signal(await this.until(`${name} has a ${does}`, () => serverProcess(member.dataDirectory, does)), 'SIGTERM');
  }

  /**
   * Lets the machine's disk work only for an instant after each pause, for a minute at most. Resolves once it does.
   *
   * @returns makes it as fast as before; at the end of the scenario that happens in any case.
   */
  async slow({ disk }: Machine, pace: DiskPace): Promise<() => Promise<void>> {
    const stop = new AbortController();
    const { over } = await disk.slow(pace, stop.signal);
    over.catch(() => undefined);
    const fast = async (): Promise<void> => {
      stop.abort();
      await over;
    };
    this.undo(fast);
    return fast;
  }

  /** Kills everything on the machine, and takes from its disk what was never flushed. It stays off until its agent is started. */
  async losesPower({ member, disk }: Machine): Promise<void> {
    await member.signalMember('SIGKILL');
    await disk.losePower();
  }

  async status(machine: Machine): Promise<MemberStatus> {
    return await this.stand.status(machine.name);
  }

  /** Where the record is kept. */
  get arbiterAddress(): string {
    return new URL(this.stand.api.controlPlane.url).hostname;
  }

  /** Waits until the machine's agent has logged this since the scenario began. */
  async logged(machine: Machine, text: string | RegExp): Promise<void> {
    const before = this.#logged[machine.name];
    await this.until(
      `member ${machine.name} logs ${String(text)}`,
      async () => (await machine.member.log()).slice(before).search(text) >= 0,
    );
  }

  /** Waits until this machine serves in a later epoch than that of the beginning. */
  async takenOver(by: Machine = this.standby): Promise<void> {
    await takenOverBy(this.stand, by.name, this.epoch);
  }

  /** What the machine tells of its take-over, once it is finished. */
  async takeover(by: Machine = this.standby): Promise<MemberStatus['failovers'][number]> {
    return await this.until('the take-over is told', async () => (await this.status(by)).failovers.find(({ epoch }) => epoch > this.epoch));
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
      await sleep(lookEveryMs);
    }
  }

  /** Sees for so long that this machine acknowledges nothing, neither to whoever goes straight to it nor to whoever sits on it. */
  async acknowledgesNothing(machine: Machine, forMs: number): Promise<void> {
    await seeNothingMore([this.pair.observers[machine.name], this.pair.localObservers[machine.name]], forMs);
  }

  /** Sees for so long that nobody is acknowledged, by whichever way. */
  async nobodyAcknowledges(forMs: number): Promise<void> {
    const { writer, observers, localObservers } = this.pair;
    await seeNothingMore([writer, ...Object.values(observers), ...Object.values(localObservers)], forMs);
  }

  /** Requires that clients of this machine were never left waiting longer than this since that instant. */
  promptly(machine: Machine, sinceMs: number, commitMaxMs: number): void {
    const instants = this.pair.observers[machine.name].acknowledged.map(({ atMs }) => atMs);
    const gapMs = Math.round(longestGapMs(instants, sinceMs, performance.now()));
    this.notes.push(`${machine.name} let its clients wait at most ${gapMs} ms`);
    if (gapMs > commitMaxMs) throw new Error(`clients were left waiting for ${gapMs} ms while ${machine.name} led`);
  }

  /** Waits until the machine says that a failover without loss is not possible now, and why. */
  async blocked(machine: Machine, why: MemberStatus['blockedBy']): Promise<void> {
    await this.until(`${machine.name} says ${why ?? 'that a failover is possible'}`, async () => {
      return (await this.status(machine)).blockedBy === why;
    });
  }

  /** Waits for a condition, generously. */
  async until<T>(what: string, check: () => T | undefined | false | Promise<T | undefined | false>): Promise<T> {
    return await eventually(what, check, waits);
  }
}

async function hasRoom(stand: PairStand): Promise<boolean> {
  const both = await Promise.all([stand.status('a'), stand.status('b')]);
  return both.every(({ diskFreePercent }) => (diskFreePercent ?? 100) >= diskFreePercentMin);
}

async function seeNothingMore(witnesses: readonly Witness[], forMs: number): Promise<void> {
  const count = (): number => witnesses.reduce((sum, { acknowledged }) => sum + acknowledged.length, 0);
  const before = count();
  await sleep(forMs);
  const more = count() - before;
  if (more > 0) throw new Error(`${more} writes were acknowledged that must not be`);
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended by itself.
  }
}
