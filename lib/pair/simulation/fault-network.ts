import type { Strike, Strikes } from './strike.ts';
import { channels } from './sim-network.ts';
import type { Loss } from './sim-network.ts';
import type { World } from './world.ts';

/** Off and on for so long each: mostly a time after which nobody is lost yet, else one in which a standby is, but never a leader. */
const flapMs = 300;
const flapPerCoinMs = 4.8;

/** Between two steps of a link that heals slowly. */
const healEveryMs = 700;

/** Directions of one channel: one of both, or both. */
function losePath({ world, fault }: Strike): readonly Loss[] {
  const channel = channels[fault.coin % 3] ?? 'agent';
  const both = fault.coin >= 60;
  const from = both ? ['a', 'b'] : [fault.member];
  world.note(`  ${channel} from ${from.join(' and ')}`);
  return from.map((name) => world.network.lose(channel, name));
}

/** Off and on for as long as it lasts. */
function flap({ world, fault: { lastsMs, coin } }: Strike, lose: () => readonly Loss[]): void {
  const endsMs = world.schedule.nowMs + lastsMs;
  const forMs = coin < 50 ? flapMs : flapPerCoinMs * coin;
  const off = (): void => {
    if (world.schedule.nowMs >= endsMs || world.healed) return;
    const losses = lose();
    world.schedule.after(forMs, () => {
      world.network.mend(losses);
      world.schedule.after(forMs, off);
    });
  };
  off();
}

/** Less and less is lost. */
function mendSlowly(world: World, losses: readonly Loss[]): void {
  for (const loss of losses) loss.percent -= 25;
  if (losses.every(({ percent }) => percent <= 0)) world.network.mend(losses);
  else world.schedule.after(healEveryMs, () => mendSlowly(world, losses));
}

export const networkStrikes: Strikes<
  'linksCut' | 'isolated' | 'oneWayCut' | 'pathLost' | 'slowHeal' | 'flapping' | 'pathFlaps' | 'jumble' | 'arbiterCut'
> = {
  linksCut: ({ world, later }) => {
    const losses = world.network.cut();
    later(() => world.network.mend(losses));
  },
  isolated: ({ world, member, later }) => {
    const losses = world.network.cut();
    world.cutArbiter.add(member.name);
    later(() => {
      world.network.mend(losses);
      world.cutArbiter.delete(member.name);
    });
  },
  oneWayCut: ({ world, member, later }) => {
    const losses = world.network.cut([member.name]);
    later(() => world.network.mend(losses));
  },
  pathLost: (struck) => {
    const losses = losePath(struck);
    struck.later(() => struck.world.network.mend(losses));
  },
  slowHeal: ({ world, member, fault, later }) => {
    const losses = world.network.cut(fault.coin < 50 ? [member.name] : ['a', 'b']);
    later(() => mendSlowly(world, losses));
  },
  flapping: (struck) => flap(struck, () => struck.world.network.cut()),
  pathFlaps: (struck) => flap(struck, () => losePath(struck)),
  jumble: ({ world, later }) => {
    for (const { link } of world.members) link.jumbles = true;
    // Something must be kept before it can arrive late.
    const losses = ['a', 'b'].map((name) => world.network.lose('agent', name, 60));
    later(() => {
      world.network.mend(losses);
      for (const { link } of world.members) link.jumbles = false;
    });
  },
  arbiterCut: ({ world, member, later }) => {
    world.cutArbiter.add(member.name);
    later(() => world.cutArbiter.delete(member.name));
  },
};
