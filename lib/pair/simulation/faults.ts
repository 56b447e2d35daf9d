import type { Fault, FaultKind } from './fault-schedule.ts';
import type { SimMember } from './sim-member.ts';
import type { World } from './world.ts';

interface Strike {
  readonly world: World;
  readonly member: SimMember;
  readonly fault: Fault;
  /** Undoes it when its time is over. */
  readonly later: (task: () => void) => void;
}

/** Lets one fault happen, and sees to its end. */
export function strike(world: World, fault: Fault): void {
  world.note(`fault ${fault.kind} at ${fault.member}`);
  const later = (task: () => void): void => world.schedule.after(fault.lastsMs, task);
  strikes[fault.kind]({ world, member: world.member(fault.member), fault, later });
}

/** Undoes everything that does not undo itself. */
export function heal(world: World): void {
  world.arbiter.troublePercent = 0;
  world.cutAgent.clear();
  world.cutArbiter.clear();
  world.cutSql = false;
  for (const member of world.members) {
    member.postgres.stopped = false;
    member.blind = false;
    if (member.stopped) member.pauseAgent(false);
    member.startAgent();
  }
}

const strikes: Readonly<Record<FaultKind, (struck: Strike) => void>> = {
  postgresDies: ({ member }) => {
    if (member.postgres.process === 'running') member.postgresDied();
  },
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
  agentHangs: ({ member, later }) => {
    if (member.state === undefined || member.stopped) return;
    member.pauseAgent(true);
    later(() => member.stopped && member.pauseAgent(false));
  },
  postgresHangs: ({ member: { postgres }, later }) => {
    if (postgres.process === 'down') return;
    postgres.stopped = true;
    later(() => {
      postgres.stopped = false;
      postgres.release();
    });
  },
  linksCut: ({ world, later }) => {
    world.cutAgent.add('a').add('b');
    world.cutSql = true;
    later(() => {
      world.cutAgent.clear();
      world.cutSql = false;
    });
  },
  oneWayCut: ({ world, member, fault, later }) => {
    world.cutAgent.add(member.name);
    if (fault.coin < 50) world.cutSql = true;
    later(() => {
      world.cutAgent.delete(member.name);
      world.cutSql = false;
    });
  },
  arbiterCut: ({ world, member, later }) => {
    world.cutArbiter.add(member.name);
    later(() => world.cutArbiter.delete(member.name));
  },
  diskLost: loseDisk,
  switchover: ({ world, member }) => member.send({ on: 'switchoverAsked', id: `s${world.schedule.nowMs}` }),
  killAsked: ({ world, member }) => member.send({ on: 'killAsked', id: `k${world.schedule.nowMs}` }),
  reinitialiseAsked: ({ world, member }) => member.send({ on: 'reinitialiseAsked', id: `r${world.schedule.nowMs}` }),
  agentBlind: ({ member, later }) => {
    member.blind = true;
    later(() => (member.blind = false));
  },
  reload: ({ member }) => member.postgres.reload(),
};

function killMember(member: SimMember): void {
  member.postgres.die();
  member.killAgent();
}

/** Only the disk of a member that does not lead, and never the only complete copy: the protocol promises nothing beyond that. */
function loseDisk({ world, member, fault, later }: Strike): void {
  const { record } = world.arbiter;
  const leads = record.primary === member.name || record.mode === 'claim' || record.mode === 'new';
  // A claim that is still on its way was asked for by a member that had its data: losing the disk behind it is a second fault.
  const asks = member.state === undefined || !member.state.arbiter.settled || member.state.arbiter.request?.kind === 'swap';
  if (leads || asks || !member.peer.postgres.proof) return;
  killMember(member);
  const { log } = member.postgres;
  // Half of the time an older disk comes back in its place, which starts and looks well.
  const swapped = fault.coin < 50;
  const kept = 1 + Math.floor(((log.length - 1) * fault.coin) / 50);
  Object.assign(member.postgres, { data: swapped ? 'full' : 'empty', proof: false, standbyData: swapped });
  member.postgres.truncate(swapped ? log.slice(0, kept) : []);
  later(() => member.startAgent());
}
