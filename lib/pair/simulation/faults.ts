import type { Fault, FaultKind } from './fault-schedule.ts';
import { fillDisk, hang, hangDisk, killMember, leaderStrikes, powerOff } from './fault-leader.ts';
import type { Strike, Strikes } from './fault-leader.ts';
import { networkStrikes } from './fault-network.ts';
import { adoptLost, deleteRecord, pausePair, setRecordBack } from './sim-person.ts';
import type { World } from './world.ts';

/** An arbiter that restarts is back after this share of the fault's time. An outage lasts that time, or several times as long. */
const restartShare = 0.1;
const longOutageFactor = 3;

/** A stall of the whole machine is short; both members go on at about the same time. */
const stallShare = 0.3;
const stallSkewMs = 100;

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

const serverStrikes: Strikes<
  | 'postgresDies'
  | 'postgresHangs'
  | 'diskFull'
  | 'diskHangs'
  | 'crowded'
  | 'reload'
  | 'checkpoint'
  | 'replayBlocked'
  | 'slowPromotion'
  | 'slowStandby'
  | 'waitsAbandoned'
  | 'promotedByHand'
  | 'standbyDies'
  | 'standbyHangs'
  | 'standbyDiskHangs'
> = {
  postgresDies: ({ member }) => {
    if (member.postgres.process === 'running') member.postgresDied();
  },
  postgresHangs: (struck) => hang(struck, false),
  diskFull: fillDisk,
  diskHangs: hangDisk,
  crowded: (struck) => trouble(struck, 'crowded'),
  reload: ({ member }) => member.postgres.reload(),
  checkpoint: (struck) => {
    trouble(struck, 'checkpoints');
    if (struck.fault.coin < 50) shake(struck);
  },
  replayBlocked: (struck) => trouble(struck, 'replayBlocked'),
  slowPromotion: (struck) => trouble(struck, 'promotesSlowly'),
  slowStandby: (struck) => trouble(atStandby(struck), 'receivesSlowly'),
  waitsAbandoned: abandonWaits,
  promotedByHand: ({ member: { postgres } }) => {
    if (postgres.alive && postgres.role === 'standby') postgres.promote();
  },
  standbyDies: (struck) => {
    const { member } = atStandby(struck);
    killMember(member);
    struck.later(() => member.startAgent());
  },
  standbyHangs: (struck) => hang(atStandby(struck), struck.fault.coin < 50),
  standbyDiskHangs: (struck) => hangDisk(atStandby(struck)),
};

const memberStrikes: Strikes<
  'agentDies' | 'memberDies' | 'bothDie' | 'powerLost' | 'agentHangs' | 'bothStall' | 'diskLost' | 'agentBlind' | 'pastMisjudged'
> = {
  agentDies: ({ member, later }) => {
    member.killAgent();
    later(() => member.startAgent());
  },
  memberDies: ({ member, later }) => {
    killMember(member);
    later(() => member.startAgent());
  },
  bothDie: ({ world, member, fault, later }) => {
    killMember(member);
    killMember(member.peer);
    later(() => member.startAgent());
    // The second comes back at another time, earlier or later.
    world.schedule.after(10 + fault.coin * 120, () => member.peer.startAgent());
  },
  powerLost: powerOff,
  agentHangs: ({ member, later }) => {
    member.pauseAgent(true);
    later(() => member.pauseAgent(false));
  },
  bothStall: (struck) => {
    const { world, fault } = struck;
    for (const member of world.members) {
      const lastsMs = fault.lastsMs * stallShare + world.schedule.between(0, stallSkewMs);
      hang({ ...struck, member, later: (task) => world.schedule.after(lastsMs, task) }, true);
    }
  },
  diskLost: loseDisk,
  agentBlind: ({ member, later }) => {
    member.blind = true;
    later(() => (member.blind = false));
  },
  pastMisjudged: misjudgePast,
};

const decisionStrikes: Strikes<
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

const strikes: Strikes<FaultKind> = { ...serverStrikes, ...memberStrikes, ...decisionStrikes, ...networkStrikes, ...leaderStrikes };

/** The same fault at the member that does not lead. */
function atStandby(struck: Strike): Strike {
  const leader = struck.world.truth.primary ?? struck.fault.member;
  return { ...struck, member: struck.world.member(leader).peer };
}

function trouble(
  { member: { postgres }, later }: Strike,
  kind: 'crowded' | 'checkpoints' | 'replayBlocked' | 'promotesSlowly' | 'receivesSlowly',
): void {
  postgres.trouble[kind] = true;
  later(() => (postgres.trouble[kind] = false));
}

/**
 * The standby is slow and clients give up their waits, so that rows are seen that are on one disk only; their writers ask again with the
 * same keys. Every second time the primary dies soon after.
 */
function abandonWaits(struck: Strike): void {
  const { world, fault, later } = struck;
  const member = struck.world.member(world.truth.primary ?? fault.member);
  trouble(atStandby(struck), 'receivesSlowly');
  const losses = [world.network.lose('stream', member.name)];
  world.schedule.after(fault.lastsMs / 10, () => member.postgres.abandon());
  world.schedule.after(fault.lastsMs / 8, () => {
    world.network.mend(losses);
    if (fault.coin < 50 || world.expectations.calm || world.healed) return;
    killMember(member);
    later(() => member.startAgent());
  });
}

/** Between a fault and the one that it brings on. */
const soonMs = 1_000;

/** Entries of a large transaction. */
const bulkFactor = 20;

/** So long a standby that is shaken off stays away: less than it takes to claim, more than it takes to degrade. */
const shakenMs = 500;

/** So soon a member is back that was only restarted. */
const backSoonMs = 150;

/** The standby is out of sight for long enough to be lost, and comes back at once: commits stop waiting for it, and wait again. */
function shake({ world }: Strike): void {
  const losses = world.network.cut();
  world.schedule.after(shakenMs, () => world.network.mend(losses));
}

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

/** The leader dies with a piece of its log that is nowhere else, and comes back believing that it may stream. */
function misjudgePast({ world, member, fault, later }: Strike): void {
  member.misjudgesPast = true;
  if (fault.coin < 30 || world.truth.primary !== member.name) return;
  const losses = [world.network.lose('stream', member.name)];
  // A large transaction that never commits: its position is ahead of all that the next leader writes in the time after.
  for (let count = 0; count < fault.coin * bulkFactor; count += 1) member.postgres.mark('bulk');
  world.schedule.after(soonMs / 5, () => {
    world.network.mend(losses);
    if (world.healed) return;
    killMember(member);
    later(() => member.startAgent());
  });
}

/** Only the disk of a member that does not lead, and never the only complete copy: the protocol promises nothing beyond that. */
function loseDisk({ world, member, fault, later }: Strike): void {
  const { truth } = world;
  const leads = truth.primary === member.name || truth.mode === 'claim' || truth.mode === 'new';
  // A claim that is still on its way was asked for by a member that had its data: losing the disk behind it is a second fault.
  const asks = member.state === undefined || !member.state.arbiter.settled || member.state.arbiter.request?.kind === 'swap';
  const unknown = world.arbiter.absent || world.arbiter.record !== truth;
  if (leads || asks || unknown || !member.peer.postgres.proof) return;
  killMember(member);
  const { log } = member.postgres;
  // Half of the time an older disk comes back in its place, which starts and looks well.
  const swapped = fault.coin < 50;
  const kept = 1 + Math.floor(((log.length - 1) * fault.coin) / 50);
  Object.assign(member.postgres, { data: swapped ? 'full' : 'empty', proof: false, standbyData: swapped });
  member.postgres.truncate(swapped ? log.slice(0, kept) : []);
  if (fault.coin % 2 === 0) return later(() => member.startAgent());
  // It is back at once, and the leader is gone before the data is whole again.
  const losses = [world.network.lose('stream', member.peerName)];
  world.schedule.after(backSoonMs, () => member.startAgent());
  world.schedule.after(backSoonMs + (fault.coin * soonMs) / 100, () => {
    if (!world.healed) killMember(member.peer);
  });
  return later(() => {
    world.network.mend(losses);
    member.peer.startAgent();
  });
}
