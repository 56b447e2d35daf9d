import { adoptLost, deleteRecord, pausePair, setRecordBack } from './sim-person.ts';
import { backSoonMs, killMember, shake, shakenMs, soonMs } from './strike.ts';
import type { Strike, Strikes } from './strike.ts';

/** An arbiter that restarts is back after this share of the fault's time. An outage lasts that time, or several times as long. */
const restartShare = 0.1;
const longOutageFactor = 3;

/** What people ask for, and what happens to the arbiter. */
export const decisionStrikes: Strikes<
  | 'switchover'
  | 'killAsked'
  | 'reinitialiseAsked'
  | 'pause'
  | 'recordDeleted'
  | 'recordSetBack'
  | 'arbiterRestarts'
  | 'arbiterOutage'
  | 'arbiterSlow'
  | 'requestsLate'
> = {
  switchover: ({ world, member }) => member.send({ on: 'switchoverAsked', id: `s${world.schedule.nowMs}` }),
  killAsked: ({ world, member }) => member.send({ on: 'killAsked', id: `k${world.schedule.nowMs}` }),
  reinitialiseAsked: ({ world, member }) => member.send({ on: 'reinitialiseAsked', id: `r${world.schedule.nowMs}` }),
  pause: ({ world, later }) => {
    pausePair(world, true);
    later(() => pausePair(world, false));
  },
  recordDeleted: ({ world, later }) => {
    if (deleteRecord(world)) later(() => adoptLost(world));
  },
  recordSetBack: ({ world, member, fault, later }) => {
    if (!setRecordBack(world, fault.coin)) return;
    later(() => adoptLost(world));
    // Who starts anew asks the arbiter first, and is told the past.
    if (fault.coin % 2 === 0) killMember(member);
    if (fault.coin % 3 === 0) member.peer.killAgent();
    for (const one of world.members) world.schedule.after(backSoonMs, () => one.startAgent());
  },
  arbiterRestarts: ({ world, fault }) => world.arbiter.restart(fault.lastsMs * restartShare),
  arbiterOutage: ({ world, fault }) => world.arbiter.restart(fault.lastsMs * (fault.coin < 50 ? 1 : longOutageFactor)),
  requestsLate: delayRequests,
  arbiterSlow: ({ world, later }) => {
    world.arbiter.slow = true;
    later(() => (world.arbiter.slow = false));
  },
};

/**
 * A member's changes of the record come late and unanswered: often from the moment on in which its standby has just come back, so that
 * its admission is the first of them. With the first one, mostly, it or its standby dies.
 */
function delayRequests(struck: Strike): void {
  const { world, member, fault, later } = struck;
  let over = fault.coin % 10 < 2;
  const strikeOnce = (): void => {
    if (over) return;
    over = true;
    const victim = fault.coin % 10 < 6 ? member : member.peer;
    world.schedule.after(world.schedule.between(0, soonMs), () => {
      if (world.healed) return;
      killMember(victim);
      later(() => victim.startAgent());
    });
  };
  const shaken = fault.coin < 70;
  if (shaken) shake(struck);
  world.schedule.after(shaken ? shakenMs : 0, () => {
    if (!world.healed) world.lateArbiter.set(member.name, strikeOnce);
  });
  later(() => world.lateArbiter.delete(member.name));
}
