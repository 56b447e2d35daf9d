import { unreachable } from '#lib/base/invariant.ts';
import type { OperationOutcome } from '../events.ts';
import type { Operation } from '../member-state.ts';
import { commonLength, isPrefix } from './sim-log.ts';
import type { SimPostgres } from './sim-postgres.ts';
import type { SimMember } from './sim-member.ts';
import type { World } from './world.ts';

interface Job {
  readonly world: World;
  readonly member: SimMember;
  readonly what: Operation;
  /** False once the agent died or the operation was aborted: nothing more is done, and what was done stays as it is. */
  readonly alive: () => boolean;
}

type Done = (outcome: OperationOutcome) => void;

/** An admission is given up after this. */
const admitMaxMs = 2_000;

/** A kill is given up after this. */
const killMaxMs = 30_000;

/** Without room for what recovery writes, a server ends soon after its start. */
const startRefusedMs = 100;

/** Where a promotion is slow, it takes up to this. */
const slowPromotionMs = 8_000;

const ok: OperationOutcome = { ok: true };
const failed = (why: string): OperationOutcome => ({ ok: false, why });

/** Carries out an operation on the simulated PostgreSQL, in the steps and with the delays at which the real one can be interrupted. */
export function operate(job: Job, done: Done): void {
  const { world, what } = job;
  const { schedule } = world;
  const later: Later = (min, max, task) => {
    schedule.after(schedule.between(min, max), () => {
      if (job.alive()) task();
      else done(failed('aborted'));
    });
  };
  switch (what.do) {
    case 'initialise':
    case 'startPrimary':
    case 'becomePrimary':
    case 'startStandby':
      return start(what, job, later, done);
    case 'rejoin':
      return rejoin(job, what.anew === true, later, done);
    case 'admit':
      return admit(job, later, done);
    case 'fence':
    case 'promote':
      return takeOver(what.do, job, later, done);
    case 'follow':
    case 'prove':
    case 'setNames':
    case 'checkpoint':
    case 'handOver':
      return tend(what, job, later, done);
    case 'kill':
      return kill(job, done);
    default:
      return unreachable(what);
  }
}

/** SIGKILL to every process. One that waits for a disk goes only when the disk answers; until then it serves nobody. */
function kill({ world, member }: Job, done: Done): void {
  const { schedule } = world;
  const { postgres, life } = member;
  const deadline = schedule.nowMs + killMaxMs;
  const end = (): void => {
    if (member.life !== life) return;
    postgres.killed = postgres.process === 'running';
    if (schedule.nowMs >= deadline) return done(failed('processes are left'));
    if (postgres.trouble.hangs) return schedule.after(20, end);
    postgres.die();
    return done(ok);
  };
  schedule.after(schedule.between(1, 20), end);
}

type Starting = Extract<Operation, { do: 'initialise' | 'startPrimary' | 'becomePrimary' | 'startStandby' }>;

function start(what: Starting, { world, member: { postgres } }: Job, later: Later, done: Done): void {
  if (what.do === 'becomePrimary') postgres.die();
  later(50, 300, () => {
    if (what.do === 'initialise') {
      Object.assign(postgres, { data: 'full', proof: true });
      postgres.truncate([{ key: 'init' }]);
      return done(ok);
    } else if (what.do === 'startStandby') {
      postgres.upstream = what.upstream;
      postgres.start('standby', 'gate');
    } else {
      const end = Math.min(postgres.ownDamageAt ?? postgres.log.length, postgres.log.length);
      const asked = what.do === 'startPrimary' ? (what.atLeast ?? 0n) : 0n;
      if (end < asked) return done({ ok: false, why: 'the own log ends early', logEndsEarly: true });
      postgres.start('primary', what.names);
    }
    recover(world, postgres);
    if (postgres.trouble.full) return later(1, startRefusedMs, () => noRoom(postgres, done));
    const poll = (): void => {
      if (postgres.process === 'down') return done(failed('PostgreSQL ended'));
      return postgres.ready ? done(ok) : later(20, 40, poll);
    };
    return poll();
  });
}

function noRoom(postgres: SimPostgres, done: Done): void {
  postgres.die();
  done(failed('PostgreSQL ended: no space left on device'));
}

/** Crash recovery: mostly short, now and then as long as a large WAL or a bad disk makes it, and it goes on when nobody waits for it. */
function recover(world: World, postgres: SimPostgres): void {
  const { schedule } = world;
  const { starts } = postgres;
  const mostMs = schedule.chance(20) ? 8_000 : 400;
  schedule.after(schedule.between(10, mostMs), () => {
    if (postgres.starts === starts && postgres.process === 'running') postgres.ready = true;
  });
}

function takeOver(what: 'fence' | 'promote', { world, member: { postgres } }: Job, later: Later, done: Done): void {
  const { schedule } = world;
  if (what === 'fence') {
    postgres.upstream = false;
    postgres.lateUntilMs = schedule.nowMs + schedule.between(0, 150);
    return later(5, 100, () => done(ok));
  }
  const { starts } = postgres;
  const promote = (): void => {
    if (postgres.starts !== starts || !postgres.alive || postgres.role !== 'standby') return done(failed('not a running standby'));
    // What was received and not replayed yet comes first, and a reader or a disk may be in its way.
    postgres.replay();
    if (postgres.replayed < postgres.readableEnd || postgres.trouble.hangs) return later(10, 20, promote);
    postgres.promote();
    if (world.broken === 'gate') postgres.setNames('none');
    return done(ok);
  };
  return later(25, postgres.trouble.promotesSlowly ? slowPromotionMs : 200, promote);
}

type Tending = Extract<Operation, { do: 'follow' | 'prove' | 'setNames' | 'checkpoint' | 'handOver' }>;

function tend(what: Tending, job: Job, later: Later, done: Done): void {
  const { schedule } = job.world;
  const { postgres } = job.member;
  later(2, 80, () => {
    switch (what.do) {
      case 'follow':
        postgres.upstream = true;
        return done(ok);
      case 'prove':
        postgres.proof = postgres.data === 'full';
        return done(postgres.proof ? ok : failed('not consistent'));
      case 'setNames':
        postgres.configured = what.names;
        // The line to the server breaks or time is up: the file is written, and any later reload brings it into force.
        if (!postgres.alive || schedule.chance(job.member.blind ? 60 : 25)) {
          schedule.after(schedule.between(0, 300), () => postgres.reload());
          return done(failed('nobody knows whether it is in force'));
        }
        // It is in force before the agent knows.
        postgres.reload();
        return schedule.after(schedule.between(0, 10), () => done(job.alive() ? ok : failed('aborted')));
      case 'checkpoint':
        return done(postgres.alive ? ok : failed('not running'));
      case 'handOver':
        postgres.die();
        return done(ok);
      default:
        return unreachable(what);
    }
  });
}

type Later = (min: number, max: number, task: () => void) => void;

/** Streams where the own log is a beginning of the primary's; else rewinds, marked from before the first byte until the copy streams. */
function rejoin({ world, member }: Job, anew: boolean, later: Later, done: Done): void {
  const { postgres } = member;
  const source = member.peer.postgres;
  postgres.die();
  later(20, 200, () => {
    const reached = member.peer.powered && world.network.joins('sql', member.name, member.peerName);
    if (!source.alive || source.role !== 'primary' || !reached) return done(failed('the primary is not reached'));
    const start = (): void => {
      postgres.upstream = true;
      postgres.start('standby', 'gate');
      recover(world, postgres);
      done(ok);
    };
    // Now and then data that could stream is damaged and has to be copied.
    const damaged = world.schedule.chance(15);
    // Timelines of one number that two promotions began are told apart by their histories; that much is always judged right.
    const judgedWrong = member.misjudgesPast && !beganApart(postgres, source);
    member.misjudgesPast = false;
    if (!anew && !damaged && postgres.data === 'full' && (isPrefix(postgres.log, source.log) || judgedWrong)) return start();
    world.invariants.destroying(member, anew);
    postgres.proof = false;
    const rewinds = !anew && postgres.data === 'full' && world.schedule.chance(70);
    postgres.data = 'partial';
    postgres.truncate(rewinds ? postgres.log.slice(0, commonLength(postgres.log, source.log)) : []);
    return later(100, 3_000, () => {
      if (!source.alive || source.role !== 'primary') return done(failed('the primary went away'));
      if (!isPrefix(postgres.log, source.log)) postgres.truncate(postgres.log.slice(0, commonLength(postgres.log, source.log)));
      return start();
    });
  });
}

/** Only a person promotes both members on their own: then two timelines have one number. */
function beganApart(one: SimPostgres, other: SimPostgres): boolean {
  return one.timeline === other.timeline && one.left.some(({ lsn }, index) => lsn !== other.left[index]?.lsn);
}

/** Gate, proof, peer, flush position, wait: only then may the record say sync. */
function admit(job: Job, later: Later, done: Done): void {
  const { world, member } = job;
  const { postgres } = member;
  if (world.broken === 'addOrder') {
    postgres.configured = 'peer';
    world.schedule.after(world.schedule.between(50, 1_000), () => postgres.reload());
    return later(1, 10, () => done(ok));
  }
  const inTime = admitMaxMs + world.schedule.nowMs;
  return later(2, 40, () => {
    postgres.setNames('gate');
    const look = (): void => {
      // A probe that cannot be written is neither seen to wait nor told.
      if (world.schedule.nowMs >= inTime) return done(failed('the probe was not written in time'));
      if (postgres.trouble.hangs || !postgres.alive) return later(20, 40, look);
      // A commit is seen to wait, or it is told at once and the gate does not stand yet.
      if (!postgres.checkpointerRests && world.broken !== 'restProof') return later(2, 4, look);
      if (postgres.commitsAlone && world.broken !== 'biteProof') return done(failed('a commit did not wait behind the closed gate'));
      postgres.setNames('peer');
      return later(1, 10, () => awaitPeer(job, inTime, later, done));
    };
    later(2, 40, look);
  });
}

function awaitPeer({ world, member }: Job, inTime: number, later: Later, done: Done): void {
  const { postgres } = member;
  const target = postgres.log.length;
  const wait = (): void => {
    if (!postgres.alive) return done(failed('PostgreSQL ended'));
    if (!postgres.peerAttached) return done(failed('its stream ended'));
    if (postgres.peerFlush >= target) return done(ok);
    if (world.schedule.nowMs >= inTime) return done(failed('the standby did not catch up'));
    return later(5, 5, wait);
  };
  wait();
}
