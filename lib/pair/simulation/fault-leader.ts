import type { Fault, FaultKind } from './fault-schedule.ts';
import type { SimMember } from './sim-member.ts';
import type { World } from './world.ts';

/** One fault that happens now, at one member; `later` undoes it when its time is over. */
export interface Strike {
  readonly world: World;
  readonly member: SimMember;
  readonly fault: Fault;
  readonly later: (task: () => void) => void;
}

export type Strikes<K extends FaultKind> = Readonly<Record<K, (struck: Strike) => void>>;

/** Ends PostgreSQL and agent at once, as the end of their machine's container does: its kernel tells everybody. */
export function killMember(member: SimMember): void {
  member.postgres.die();
  member.killAgent();
}

/** The machine is off: nobody is told anything. */
export function powerOff({ world, member, later }: Strike): void {
  const losses = world.network.cut([member.name]);
  member.powered = false;
  killMember(member);
  later(() => {
    world.network.mend(losses);
    member.powered = true;
    member.startAgent();
  });
}

/** The processes of the server, and of the agent where it is struck too, stand still for a while. */
export function hang({ member, later }: Strike, agentToo: boolean): void {
  const { postgres } = member;
  const { starts } = postgres;
  if (postgres.process === 'running') postgres.stop();
  if (agentToo) member.pauseAgent(true);
  later(() => {
    if (agentToo) member.pauseAgent(false);
    if (postgres.starts === starts && postgres.stopped) postgres.goOn();
  });
}

/** Nothing that is written reaches the disk for a while. */
export function hangDisk({ member: { postgres }, later }: Strike): void {
  postgres.trouble.hangs = true;
  later(() => postgres.flushAgain());
}

/** No room: the next write ends the server, and until there is room it does not start. */
export function fillDisk({ member, later }: Strike): void {
  const { postgres } = member;
  postgres.trouble.full = true;
  if (postgres.alive && postgres.role === 'standby') member.postgresDied();
  later(() => (postgres.trouble.full = false));
}

const atLeader =
  (how: (struck: Strike) => void) =>
  (struck: Strike): void => {
    const { truth } = struck.world;
    if (truth.primary === undefined || truth.mode === 'claim') return;
    const member = struck.world.member(truth.primary);
    if (!member.postgres.alive || member.postgres.role !== 'primary') return;
    struck.world.expectations.leaderFails(member);
    how({ ...struck, member });
  };

/** Ways in which whoever leads at the moment fails. */
export const leaderStrikes: Strikes<
  | 'leaderDies'
  | 'leaderServerDies'
  | 'leaderHangs'
  | 'leaderServerHangs'
  | 'leaderPowerLost'
  | 'leaderCut'
  | 'leaderDiskHangs'
  | 'leaderDiskFull'
> = {
  leaderDies: atLeader(({ member, later }) => {
    killMember(member);
    later(() => member.startAgent());
  }),
  leaderServerDies: atLeader(({ member }) => member.postgresDied()),
  leaderHangs: atLeader((struck) => hang(struck, true)),
  leaderServerHangs: atLeader((struck) => hang(struck, false)),
  leaderPowerLost: atLeader(powerOff),
  leaderCut: atLeader(({ world, member, later }) => {
    const losses = world.network.cut();
    world.cutArbiter.add(member.name);
    later(() => {
      world.network.mend(losses);
      world.cutArbiter.delete(member.name);
    });
  }),
  leaderDiskHangs: atLeader(hangDisk),
  leaderDiskFull: atLeader(fillDisk),
};
