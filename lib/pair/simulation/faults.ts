import { decisionStrikes } from './fault-decision.ts';
import { leaderStrikes } from './fault-leader.ts';
import { memberStrikes } from './fault-member.ts';
import { networkStrikes } from './fault-network.ts';
import type { Fault, FaultKind } from './fault-schedule.ts';
import { serverStrikes } from './fault-server.ts';
import { adoptLost, pausePair } from './sim-person.ts';
import type { Strikes } from './strike.ts';
import type { World } from './world.ts';

const strikes: Strikes<FaultKind> = { ...serverStrikes, ...memberStrikes, ...decisionStrikes, ...networkStrikes, ...leaderStrikes };

/** Lets one fault happen, and sees to its end. */
export function strike(world: World, fault: Fault): void {
  world.note(`fault ${fault.kind} at ${fault.member}`);
  const later = (task: () => void): void => world.schedule.after(fault.lastsMs, () => void (world.healed || task()));
  strikes[fault.kind]({ world, member: world.member(fault.member), fault, later });
}

/** Undoes everything that does not undo itself. */
export function heal(world: World): void {
  world.healed = true;
  world.arbiter.troublePercent = 0;
  world.arbiter.downUntilMs = 0;
  world.arbiter.slow = false;
  world.network.heal();
  world.cutArbiter.clear();
  world.lateArbiter.clear();
  adoptLost(world);
  pausePair(world, false);
  for (const member of world.members) {
    member.powered = true;
    member.blind = false;
    member.misjudgesPast = false;
    member.link.jumbles = false;
    member.postgres.heal();
    member.pauseAgent(false);
    member.startAgent();
  }
}
