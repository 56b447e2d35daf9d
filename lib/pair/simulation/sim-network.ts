import type { Schedule } from './schedule.ts';

/** What travels between the members, each on connections of its own. */
export const channels = ['agent', 'sql', 'stream'] as const;
export type Channel = (typeof channels)[number];

/** One direction of one channel that loses messages. */
export interface Loss {
  readonly channel: Channel;
  readonly from: string;
  /** 100 loses everything. */
  percent: number;
}

/** The wires between the two members: each channel and direction works or loses on its own; faults may overlap. */
export class SimNetwork {
  readonly #schedule: Schedule;
  readonly #losses = new Map<string, Set<Loss>>();

  constructor(schedule: Schedule) {
    this.#schedule = schedule;
  }

  /** Whether a message that `from` sends on this channel right now arrives. */
  passes(channel: Channel, from: string): boolean {
    const losses = this.#losses.get(channel + from);
    if (losses === undefined || losses.size === 0) return true;
    for (const { percent } of losses) if (percent >= 100 || this.#schedule.chance(percent)) return false;
    return true;
  }

  /** Whether both directions work, as a dialled connection needs it. */
  joins(channel: Channel, one: string, other: string): boolean {
    return this.passes(channel, one) && this.passes(channel, other);
  }

  lose(channel: Channel, from: string, percent = 100): Loss {
    const loss: Loss = { channel, from, percent };
    const losses = this.#losses.get(channel + from) ?? new Set();
    this.#losses.set(channel + from, losses.add(loss));
    return loss;
  }

  /** Everything between both members is lost. */
  cut(members: readonly string[] = ['a', 'b']): readonly Loss[] {
    return channels.flatMap((channel) => members.map((from) => this.lose(channel, from)));
  }

  mend(losses: readonly Loss[]): void {
    for (const loss of losses) this.#losses.get(loss.channel + loss.from)?.delete(loss);
  }

  heal(): void {
    this.#losses.clear();
  }
}
