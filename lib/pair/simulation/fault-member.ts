import { backSoonMs, hang, killMember, powerOff, soonMs } from './strike.ts';
import type { Strike, Strikes } from './strike.ts';

/** A stall of the whole machine is short; both members go on at about the same time. */
const stallShare = 0.3;
const stallSkewMs = 100;

/** Entries of a large transaction. */
const bulkFactor = 20;

/** What happens to an agent, to all of a member, or to both. */
export const memberStrikes: Strikes<
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

/** The leader dies with a piece of its log that is nowhere else, and comes back believing that it may stream. */
function misjudgePast({ world, member, fault, later }: Strike): void {
  member.misjudgesPast = true;
  const leads = world.truth.primary === member.name && member.postgres.role === 'primary' && member.postgres.alive;
  if (fault.coin < 30 || !leads) return;
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
