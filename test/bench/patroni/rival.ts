import { eventually } from '../../cluster/eventually.ts';
import { longestGapMs } from '../../pair/gap.ts';
import { other } from '../../pair/watch-pair.ts';
import type { Name } from '../../pair/watch-pair.ts';
import { readWritten } from '../../pair/writer.ts';
import type { BenchResult } from '../bench.ts';
import type { FailoverFault } from '../failover-faults.ts';
import { spread } from '../spread.ts';
import { startRivalPair } from './rival-pair.ts';
import type { RivalMachine, RivalPair } from './rival-pair.ts';
import type { PatroniTimes } from './times.ts';

/** A failover that takes longer is told as none. */
const failoverMaxMs = 120_000;
const waits = { maxMs: 300_000, everyMs: 100 } as const;

/** The same faults as ours, with what Patroni offers for a planned switchover. */
const hurts: Readonly<Record<FailoverFault, (machine: RivalMachine) => Promise<void>>> = {
  crash: (machine) => machine.signal('SIGKILL'),
  hang: (machine) => machine.signal('SIGSTOP'),
  cut: ({ branch }) => branch.cut([{}]),
  switchover: (machine) => machine.post('/switchover', { leader: machine.name, candidate: other(machine.name) }),
};

const heals: Readonly<Record<FailoverFault, (machine: RivalMachine) => Promise<void>>> = {
  crash: (machine) => machine.start(),
  hang: (machine) => machine.signal('SIGCONT'),
  cut: ({ branch }) => branch.cut([]),
  switchover: () => Promise.resolve(),
};

/** Runs the fault on Patroni with the clients that go to both members directly: it moves no name. */
export async function measureRival(
  fault: FailoverFault,
  runs: number,
  times: PatroniTimes,
  say: (text: string) => void,
): Promise<BenchResult> {
  await using pair = await startRivalPair(times);
  const outages: number[] = [];
  let without = 0;
  for (let run = 1; run <= runs; run += 1) {
    const outageMs = await failOver(pair, fault);
    if (outageMs === undefined) without += 1;
    else outages.push(outageMs);
    say(
      `Patroni, ${times.name} times, run ${run} of ${runs}: ${outageMs === undefined ? 'no failover' : `outage ${(outageMs / 1_000).toFixed(3)} s`}`,
    );
  }
  const leader = await leaderOf(pair);
  const acknowledged = Object.values(pair.observers).flatMap((observer) => observer.acknowledged.map(({ id }) => id));
  for (const observer of Object.values(pair.observers)) await observer.stop();
  const written = await readWritten(pair.machines[leader].address, pair.connection);
  return {
    times: times.dcs,
    runs,
    outageSeconds: spread(outages),
    withoutFailover: without,
    lost: acknowledged.filter((id) => !written.has(id)).length,
  };
}

async function failOver(pair: RivalPair, fault: FailoverFault): Promise<number | undefined> {
  const leader = await leaderOf(pair);
  const standby = other(leader);
  await eventually('the standby is synchronous', () => pair.machines[standby].asks('/sync'), waits);
  await settled(pair, leader);
  const atMs = performance.now();
  const before = pair.observers[standby].acknowledged.length;
  await hurts[fault](pair.machines[leader]);
  const over = await eventually('the standby acknowledges', () => pair.observers[standby].acknowledged.length > before + 5, {
    maxMs: failoverMaxMs,
  }).catch(() => false as const);
  const endMs = performance.now();
  await heals[fault](pair.machines[leader]);
  if (!over) return undefined;
  const acknowledged = Object.values(pair.observers).flatMap((observer) => observer.acknowledged.map((each) => each.atMs));
  return longestGapMs(acknowledged, atMs, endMs);
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
