import { messageOf } from '#lib/base/errors.ts';
import { eventually } from '../../cluster/eventually.ts';
import { longestGapMs } from '../../pair/gap.ts';
import { other } from '../../pair/watch-pair.ts';
import type { Name } from '../../pair/watch-pair.ts';
import { newClient, readWritten } from '../../pair/writer.ts';
import { lossesOf } from '../../chaos/losses.ts';
import type { Losses } from '../../chaos/losses.ts';
import type { BenchResult } from '../bench.ts';
import type { FailoverFault } from '../failover-faults.ts';
import { inSeconds, spread } from '../spread.ts';
import { startRivalPair } from './rival-pair.ts';
import type { RivalMachine, RivalPair } from './rival-pair.ts';
import type { PatroniTimes } from './times.ts';

/** A failover that takes longer is told as none. */
const failoverMaxMs = 120_000;
/** A standby that takes longer to come back is told as lost for the runs that were to follow. */
const backMaxMs = 120_000;
const waits = { maxMs: 300_000, everyMs: 100 } as const;

/** The same faults as ours, with what Patroni offers for a planned switchover. */
const hurts: Readonly<Record<FailoverFault, (machine: RivalMachine) => Promise<void>>> = {
  crash: (machine) => machine.signal('SIGKILL'),
  postmaster: (machine) => machine.signalPostgres('SIGKILL'),
  hang: (machine) => machine.signal('SIGSTOP'),
  cut: ({ branch }) => branch.cut([{}]),
  switchover: (machine) => machine.post('/switchover', { leader: machine.name, candidate: other(machine.name) }),
};

const heals: Readonly<Record<FailoverFault, (machine: RivalMachine) => Promise<void>>> = {
  crash: (machine) => machine.start(),
  postmaster: () => Promise.resolve(),
  hang: (machine) => machine.signal('SIGCONT'),
  cut: ({ branch }) => branch.cut([]),
  switchover: () => Promise.resolve(),
};

/** Where the primary's machine is as it was, the same member may come back, which ends the outage as well. */
const mayRestart: ReadonlySet<FailoverFault> = new Set(['postmaster']);

/** Commits that show that a member serves. */
const servedAfter = 6;

/** How a run ended, and how long nobody was acknowledged; undefined where nobody came within the limit. */
interface RivalRun {
  readonly by: 'failover' | 'restart' | 'nobody';
  readonly outageMs: number | undefined;
}

/** Runs the fault on Patroni with the clients that go to both members directly: it moves no name. */
export async function measureRival(
  fault: FailoverFault,
  runs: number,
  times: PatroniTimes,
  say: (text: string) => void,
): Promise<BenchResult> {
  await using pair = await startRivalPair(times);
  const measured: RivalRun[] = [];
  for (let run = 1; run <= runs; run += 1) {
    if (!(await standbyIsBack(pair))) break;
    const one = await failOver(pair, fault);
    measured.push(one);
    const { by, outageMs } = one;
    const how = outageMs === undefined ? 'nobody serves' : `outage ${inSeconds(outageMs)} s, ended by a ${by}`;
    say(`Patroni, ${times.name} times, run ${run} of ${runs}: ${how}`);
  }
  const { lost, problems } = await lossesOfRival(pair).catch((error: unknown) => ({ lost: undefined, problems: [messageOf(error)] }));
  for (const problem of problems) say(`Patroni, ${times.name} times: ${problem}`);
  return {
    times: times.dcs,
    runs: measured.length,
    outageSeconds: spread(measured.map(({ outageMs }) => outageMs).filter((ms) => ms !== undefined)),
    restarted: measured.filter(({ by }) => by === 'restart').length,
    withoutFailover: measured.filter(({ by }) => by === 'nobody').length,
    // Not 0 where one of the copies could not be compared.
    lost: lost ?? null,
  };
}

/** What either copy misses once both are in step. */
async function lossesOfRival(pair: RivalPair): Promise<Losses> {
  const back = await standbyIsBack(pair);
  const leader = await leaderOf(pair);
  const standby = other(leader);
  for (const observer of Object.values(pair.observers)) await observer.stop();
  const acknowledged = Object.values(pair.observers).flatMap((observer) => observer.acknowledged.map(({ id }) => id));
  const read = (name: Name): Promise<ReadonlySet<number>> => readWritten(pair.machines[name].address, pair.connection);
  if (!back) {
    const { lost, problems } = lossesOf(acknowledged, { leader: await read(leader), standby: undefined });
    return { lost, problems: [...problems, 'its standby did not come back in step, and was not compared'] };
  }
  const end = await answerOf(pair, leader, 'SELECT pg_current_wal_flush_lsn()::text AS answer');
  const replayed = `SELECT (pg_last_wal_replay_lsn() >= '${end}')::text AS answer`;
  await eventually('the standby has replayed everything', async () => (await answerOf(pair, standby, replayed)) === 'true', waits);
  return lossesOf(acknowledged, { leader: await read(leader), standby: await read(standby) });
}

/** Whether the member that does not lead is a synchronous standby, or becomes one in time. */
async function standbyIsBack(pair: RivalPair): Promise<boolean> {
  const standby = pair.machines[other(await leaderOf(pair))];
  return await eventually('the standby is synchronous', () => standby.asks('/sync'), { maxMs: backMaxMs }).then(
    () => true,
    () => false,
  );
}

async function answerOf({ machines, connection }: RivalPair, name: Name, query: string): Promise<string | undefined> {
  const client = newClient(machines[name].address, connection);
  try {
    await client.connect();
    return (await client.query<{ readonly answer: string | null }>(query)).rows[0]?.answer ?? undefined;
  } finally {
    await client.end();
  }
}

async function failOver(pair: RivalPair, fault: FailoverFault): Promise<RivalRun> {
  const leader = await leaderOf(pair);
  const standby = other(leader);
  await settled(pair, leader);
  const atMs = performance.now();
  await hurts[fault](pair.machines[leader]);
  const hurtMs = performance.now();
  const serves = (name: Name): boolean => (pair.observers[name].acknowledged.at(-servedAfter)?.sentMs ?? 0) > hurtMs;
  const by = await eventually(
    'somebody acknowledges',
    () => (serves(standby) ? ('failover' as const) : mayRestart.has(fault) && serves(leader) ? ('restart' as const) : undefined),
    { maxMs: failoverMaxMs },
  ).catch(() => 'nobody' as const);
  const endMs = performance.now();
  // As with ours, the old primary comes back when the new one has finished its take-over.
  if (by === 'failover') await eventually('the new leader is settled', () => pair.machines[standby].asks('/primary'), waits);
  await heals[fault](pair.machines[leader]);
  if (by === 'nobody') return { by, outageMs: undefined };
  const acknowledged = Object.values(pair.observers).flatMap((observer) => observer.acknowledged.map((each) => each.atMs));
  return { by, outageMs: longestGapMs(acknowledged, atMs, endMs) };
}

async function leaderOf({ machines }: RivalPair): Promise<Name> {
  return await eventually(
    'one member of Patroni leads',
    async () => {
      const leaders = await Promise.all(
        (['a', 'b'] as const).map(async (name) => ((await machines[name].asks('/primary')) ? name : undefined)),
      );
      const found = leaders.filter((name) => name !== undefined);
      return found.length === 1 ? found[0] : undefined;
    },
    waits,
  );
}

async function settled(pair: RivalPair, leader: Name): Promise<void> {
  const { acknowledged } = pair.observers[leader];
  const before = acknowledged.length;
  await eventually('the leader acknowledges', () => acknowledged.length > before + 5, waits);
}
