import type { Fault, FaultKind } from './fault-schedule.ts';
import type { SimMember } from './sim-member.ts';
import type { World } from './world.ts';

/** Between a fault and the one that it brings on. */
export const soonMs = 1_000;

/** So soon a member is back that was only restarted. */
export const backSoonMs = 150;

/** So long a standby that is shaken off stays away: less than it takes to claim, more than it takes to degrade. */
export const shakenMs = 500;

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

/** The same fault at the member that does not lead. */
export function atStandby(struck: Strike): Strike {
  const leader = struck.world.truth.primary ?? struck.fault.member;
  return { ...struck, member: struck.world.member(leader).peer };
}

/** Something troubles the server until the time of the fault is over. */
export function trouble(
  { member: { postgres }, later }: Strike,
  kind: 'crowded' | 'checkpoints' | 'replayBlocked' | 'promotesSlowly' | 'receivesSlowly',
): void {
  postgres.trouble[kind] = true;
  later(() => (postgres.trouble[kind] = false));
}

/** The standby is out of sight for long enough to be lost, and comes back at once: commits stop waiting for it, and wait again. */
export function shake({ world }: Strike): void {
  const losses = world.network.cut();
  world.schedule.after(shakenMs, () => world.network.mend(losses));
}
