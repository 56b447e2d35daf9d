import { failoverPhases } from '#agents/member/contract.ts';
import type { FailoverReport } from '#agents/member/contract.ts';
import { startChaosPair } from '../chaos/chaos-pair.ts';
import type { ChaosPair } from '../chaos/chaos-pair.ts';
import { compareCopies } from '../chaos/compare-copies.ts';
import { eventually } from '../cluster/eventually.ts';
import { longestGapMs } from '../pair/gap.ts';
import { acknowledgedAgain, inStep, other, takenOverBy, waits } from '../pair/watch-pair.ts';
import type { Writer } from '../pair/writer.ts';
import { median, wholeOption } from './bench.ts';
import type { Bench, BenchResult } from './bench.ts';
import { failoverFaults, hurts } from './failover-faults.ts';
import type { FailoverFault } from './failover-faults.ts';
import { measureRival } from './patroni/rival.ts';
import { setUpRivals } from './patroni/set-up.ts';
import { patroniTimes } from './patroni/times.ts';
import { inSeconds, spread } from './spread.ts';

const runsDefault = 50;
const runsMax = 10_000;
/** The rival takes half a minute for each. */
const rivalRunsDefault = 5;
const rivals = ['patroni'] as const;

/** What one failover took, in milliseconds from the fault. */
interface Run {
  readonly outageMs: number;
  readonly directOutageMs: number;
  readonly dnsMs: number;
  readonly report: FailoverReport | undefined;
}

export const failoverBench: Bench = {
  name: 'failover',
  says:
    'The primary of a real pair on machines of its own is hurt, again and again, under load: killed with all its processes (crash), ' +
    'left without its PostgreSQL, postmaster and sessions, while its agent lives (postmaster), stopped with SIGSTOP (hang), cut off from everybody (cut), or told to hand over (switchover). outageSeconds is the longest time ' +
    'without an acknowledgement for a client that follows the public name and gives up an attempt after 0.3 s; directSeconds the same ' +
    'for clients that go to both members; dnsSeconds the time from the fault until the name points to the new primary; phases are the ' +
    "medians of the new primary's own story, in milliseconds. lost counts acknowledged writes that either copy misses at the end. A " +
    'rival may start its PostgreSQL again where it died instead of failing over: restarted counts these runs, and their outages are ' +
    'among the others.',
  options: {
    fault: { value: 'FAULT', help: `what happens to the primary: ${failoverFaults.join(', ')}`, fallback: 'crash', oneOf: failoverFaults },
    runs: { value: 'N', help: 'failovers to measure', fallback: String(runsDefault) },
    rival: { value: 'NAME', help: 'run the same fault with another failover manager: patroni', oneOf: rivals },
    'rival-runs': {
      value: 'N',
      help: 'failovers of the rival to measure with each of its choices of times',
      fallback: String(rivalRunsDefault),
    },
  },
  run: async (line, say) => {
    const fault = failoverFaults.find((each) => each === line.text('fault')) ?? 'crash';
    if (line.text('rival') !== undefined) await setUpRivals();
    const ours = await measureFailovers(fault, wholeOption(line, 'runs', runsMax) ?? runsDefault, say);
    if (line.text('rival') === undefined) return ours;
    const patroni: Record<string, BenchResult> = {};
    for (const times of patroniTimes) {
      patroni[times.name] = await measureRival(fault, wholeOption(line, 'rival-runs', runsMax) ?? rivalRunsDefault, times, say);
    }
    return { ours, patroni };
  },
};

async function measureFailovers(fault: FailoverFault, runs: number, say: (text: string) => void): Promise<BenchResult> {
  await using pair = await startChaosPair();
  const measured: Run[] = [];
  for (let run = 1; run <= runs; run += 1) {
    const one = await failOver(pair, fault, run);
    measured.push(one);
    say(`run ${run} of ${runs}: outage ${inSeconds(one.outageMs)} s by name, ${inSeconds(one.directOutageMs)} s directly`);
  }
  const { leader } = await inStep(pair.stand);
  const clients = [pair.writer, pair.observers.a, pair.observers.b];
  for (const client of clients) await client.stop();
  const { lost, problems } = await compareCopies(pair.stand, leader, ...clients);
  for (const problem of problems) say(problem);
  if (lost === undefined) throw new Error('whether anything is lost could not be seen');
  return {
    fault,
    runs,
    outageSeconds: spread(measured.map(({ outageMs }) => outageMs)),
    directSeconds: spread(measured.map(({ directOutageMs }) => directOutageMs)),
    lost,
    phases: phasesOf(measured),
    dnsSeconds: spread(measured.map(({ dnsMs }) => dnsMs)),
  };
}

async function failOver(pair: ChaosPair, fault: FailoverFault, run: number): Promise<Run> {
  const { leader, epoch } = await inStep(pair.stand);
  await acknowledgedAgain(pair.writer);
  const primary = pair.machines[leader];
  const next = pair.machines[other(leader)];
  const atMs = performance.now();
  await hurts[fault].hurt(pair, primary, run);
  await takenOverBy(pair.stand, next.name, epoch);
  await acknowledgedAgain(pair.writer);
  await pair.nameWatch.pointsTo(next.member.address);
  const dnsMs = (pair.nameWatch.changes.at(-1)?.atMs ?? Number.NaN) - atMs;
  const endMs = performance.now();
  const report = await eventually(
    'the story of the take-over stands',
    async () => (await pair.stand.status(next.name)).failovers.find((each) => each.epoch > epoch),
    waits,
  );
  await hurts[fault].heal(primary);
  const gap = (...writers: readonly Writer[]): number =>
    longestGapMs(
      writers.flatMap(({ acknowledged }) => acknowledged.map((each) => each.atMs)),
      atMs,
      endMs,
    );
  return { outageMs: gap(pair.writer), directOutageMs: gap(pair.observers.a, pair.observers.b), dnsMs, report };
}

/** Medians of the phases, in milliseconds. */
function phasesOf(measured: readonly Run[]): Readonly<Record<string, number>> {
  return Object.fromEntries(
    failoverPhases.map((phase) => {
      const figures = measured.map(({ report }) => report?.phasesMs[phase]).filter((ms) => ms !== undefined);
      return [phase, Math.round(median(figures))] as const;
    }),
  );
}
