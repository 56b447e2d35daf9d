import { defaultLimits } from '../limits.ts';
import { requestTimeoutMs } from './sim-arbiter.ts';
import { commonLength } from './sim-log.ts';
import type { Entry } from './sim-log.ts';
import type { SimMember } from './sim-member.ts';
import type { World } from './world.ts';

/** Between two looks of the readers. */
const readEveryMs = 50;

/**
 * For so long a member that was deposed may keep its readers beside those of the new leader, in time in which its agent runs: until it
 * looks at the record again, or until that look fails and nobody was heard for `readFenceAfterMs`, and the door is shut.
 */
const staleMaxMs = defaultLimits.readFenceAfterMs + requestTimeoutMs + 500;

/** Rows that clients wrote: everything else in a log is a mark, a probe, or was never committed. */
const isRow = ({ key }: Entry): boolean => /^[kr]\d/.test(key);

/**
 * Clients that only read, at whatever member lets them in. What they are shown must be on every member that may lead next, unless the
 * client that wrote it gave up its wait, which PostgreSQL shows to everybody. And but for a moment they are let in at one member only.
 */
export class SimReaders {
  readonly #world: World;
  readonly #staleMs = new Map<SimMember, number>();

  constructor(world: World) {
    this.#world = world;
  }

  start(): void {
    this.#look();
    this.#world.schedule.after(readEveryMs, () => this.start());
  }

  #look(): void {
    const { members, truth } = this.#world;
    const [a, b] = members;
    for (const member of members) {
      const shown = member.open && this.#show(member);
      const stale = shown && a.open && b.open && truth.primary !== member.name;
      if (!stale) this.#staleMs.delete(member);
      else if (member.running && !member.blind) this.#wait(member);
    }
  }

  #wait(member: SimMember): void {
    const staleMs = (this.#staleMs.get(member) ?? 0) + readEveryMs;
    this.#staleMs.set(member, staleMs);
    if (staleMs > staleMaxMs) this.#world.violate(`${member.name} lets readers in beside the new leader for ${staleMs} ms`);
  }

  #show(member: SimMember): true {
    const { log, visible } = member.postgres;
    for (const holder of this.#world.invariants.mustHold()) {
      const other = holder.postgres.log;
      if (holder === member || visible === 0 || other[visible - 1] === log[visible - 1]) continue;
      const undone = log.slice(commonLength(log, other), visible).find((entry) => isRow(entry) && entry.abandoned !== true);
      if (undone !== undefined)
        this.#world.violate(`readers at ${member.name} are shown ${undone.key}, which ${holder.name} does not have and may undo`);
    }
    return true;
  }
}
