import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { longestGapMs } from '../pair/gap.ts';
import { inStep } from '../pair/watch-pair.ts';
import type { Name } from '../pair/watch-pair.ts';
import type { Acknowledged } from '../pair/writer.ts';
import { acknowledgedLocally } from './acknowledged-locally.ts';
import type { ChaosPair } from './chaos-pair.ts';
import { compareCopies } from './compare-copies.ts';
import type { Witness } from './local-observer.ts';
import { verdictOf } from './scenario.ts';
import type { Scenario, ScenarioGroup } from './scenario.ts';
import { Stage } from './stage.ts';
import { killLeader } from './then-kill.ts';
import type { LeaderKilled } from './then-kill.ts';
import { turnsOf } from './turns.ts';

/** How a scenario went. Times in milliseconds. */
export interface ScenarioResult {
  readonly scenario: string;
  readonly group: ScenarioGroup;
  readonly expected: string;
  readonly verdict: string;
  readonly ok: boolean;
  /** What was not as it must be; empty when `ok`. */
  readonly problems: readonly string[];
  /** Longest time without an acknowledgement for a client that follows the public name. */
  readonly outageMs: number;
  /** The same for clients that know both addresses and go to whoever serves. */
  readonly directOutageMs: number;
  /** Until both copies were in step again. */
  readonly tookMs: number;
  readonly acknowledged: number;
  /** Acknowledged writes that are missing in either copy at the end; undefined where the copies could not be compared. */
  readonly lost: number | undefined;
  /** Whether it was said, before the primary failed, that the other would take over; absent where the primary does not fail. */
  readonly foretold?: boolean;
  /** Why not, where it was said that nobody would. */
  readonly blockedBy?: string;
  readonly notes: readonly string[];
}

export interface ScenarioChoice {
  /** Where the story of a scenario that failed is kept. */
  readonly storyFolder: string;
  /** Kill whoever leads in the state in which the scenario leaves the pair: then it must come as was foretold, whatever the scenario expects. */
  readonly thenKill: boolean;
}

/** Runs one scenario on a pair in step and judges it. Never throws for what the pair does: that is the result. */
export async function runScenario(pair: ChaosPair, scenario: Scenario, { storyFolder, thenKill }: ScenarioChoice): Promise<ScenarioResult> {
  const problems: string[] = [];
  const beginMs = performance.now();
  const logged = await logsOf(pair);
  const stage = await Stage.set(pair);
  await attempt(problems, () => scenario.act(stage));
  const killed = thenKill && problems.length === 0 ? await attempt(problems, () => killLeader(pair)) : undefined;
  await attempt(problems, () => stage.heal());
  for (const { member } of Object.values(pair.machines)) problems.push(...member.failures.splice(0));
  await attempt(problems, () => startEnded(pair));
  const end = await attempt(problems, () => inStep(pair.stand));
  const changes = end === undefined ? undefined : end.epoch - stage.epoch - stage.adoptedEpochs;
  const { expected, verdict } = judge(scenario.changes, changes, killed);
  if (end !== undefined && verdict !== expected) problems.push(`expected ${expected}, found ${verdict}`);
  const foretold = killed?.foretold ?? stage.foretold;
  if (killed === undefined && foretold !== undefined && changes !== undefined && foretold.takesOver !== changes > 0) {
    const said = foretold.takesOver ? `${foretold.by ?? ''} takes over` : `nobody takes over (${foretold.blockedBy ?? ''})`;
    problems.push(`before the primary failed it was said that ${said}; found ${verdict}`);
  }
  await attempt(problems, async () => void stage.notes.push(...(await takeoversOf(pair, stage.epoch))));
  const { writer, observers, localObservers } = pair;
  const everyone = [writer, observers.a, observers.b, localObservers.a, localObservers.b];
  await attempt(problems, () => pair.nameWatch.pointsTo(pair.machines[end?.leader ?? 'a'].member.address));
  // Reading everything that was ever written keeps this process busy: that is no outage of the pair.
  const endMs = performance.now();
  if (end !== undefined) await attempt(problems, () => acknowledgedLocally(pair, end.leader));
  const losses = end === undefined ? undefined : await attempt(problems, () => compareCopies(pair.stand, end.leader, ...everyone));
  problems.push(...(losses?.problems ?? []));
  const byMember = (name: Name): readonly Acknowledged[] => [...observers[name].acknowledged, ...localObservers[name].acknowledged];
  const turns = turnsOf(byMember('a'), byMember('b'), beginMs);
  if (changes !== undefined && turns > changes)
    problems.push(`acknowledgements changed between the members ${turns} times in ${changes} epochs`);
  if (problems.length > 0) await keepStory(pair, logged, join(storyFolder, scenario.name), problems);
  const times = (writers: readonly Witness[]): readonly number[] =>
    writers.flatMap(({ acknowledged }) => acknowledged.filter(({ atMs }) => atMs >= beginMs).map(({ atMs }) => atMs));
  return {
    scenario: scenario.name,
    group: scenario.group,
    expected,
    verdict,
    ok: problems.length === 0,
    problems,
    outageMs: Math.round(longestGapMs(times([writer]), beginMs, endMs)),
    directOutageMs: Math.round(longestGapMs(times([observers.a, observers.b]), beginMs, endMs)),
    tookMs: Math.round(endMs - beginMs),
    acknowledged: times(everyone).length,
    lost: losses?.lost,
    ...(foretold === undefined ? {} : { foretold: foretold.takesOver }),
    ...(foretold?.blockedBy === undefined ? {} : { blockedBy: foretold.blockedBy }),
    notes: stage.notes,
  };
}

/** What must be and what is, in words: how often the leader changed, or what came of killing it besides. */
function judge(
  wanted: Scenario['changes'],
  changes: number | undefined,
  killed: LeaderKilled | undefined,
): { readonly expected: string; readonly verdict: string } {
  const expected = killed?.expected ?? verdictOf(wanted);
  if (changes === undefined) return { expected, verdict: 'not in step' };
  return { expected, verdict: killed?.outcome ?? verdictOf(wanted === 'any' ? 'any' : changes) };
}

/** What the members tell of the take-overs since an epoch: who, why, and how long each phase took. */
async function takeoversOf({ stand }: ChaosPair, epoch: number): Promise<readonly string[]> {
  const reports = (await Promise.all([stand.status('a'), stand.status('b')])).flatMap(({ failovers }) => failovers);
  const phases = (ms: object): string =>
    Object.entries(ms)
      .map(([phase, took]) => `${phase} ${took}`)
      .join(', ');
  return reports
    .filter((report) => report.epoch > epoch)
    .toSorted((one, two) => one.epoch - two.epoch)
    .map(({ to, reason, phasesMs, outageMs }) => `${to} took over by ${reason} within ${outageMs} ms (${phases(phasesMs)})`);
}

async function attempt<T>(problems: string[], task: () => Promise<T>): Promise<T | undefined> {
  try {
    return await task();
  } catch (error) {
    problems.push(wordsOf(error));
    return undefined;
  }
}

function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}: ${wordsOf(error.cause)}`;
}

/** Agents that a scenario killed are started again, as their service manager would do it. */
async function startEnded(pair: ChaosPair): Promise<void> {
  for (const { member } of Object.values(pair.machines)) await member.startAgent();
}

async function logsOf(pair: ChaosPair): Promise<Readonly<Record<Name, { readonly agent: number; readonly postgres: number }>>> {
  const lengths = async (name: Name): Promise<{ readonly agent: number; readonly postgres: number }> => {
    const { member } = pair.machines[name];
    return { agent: (await member.log()).length, postgres: (await member.postgresLog()).length };
  };
  return { a: await lengths('a'), b: await lengths('b') };
}

/** What both members logged meanwhile, for whoever looks for the cause. */
async function keepStory(
  pair: ChaosPair,
  before: Awaited<ReturnType<typeof logsOf>>,
  folder: string,
  problems: readonly string[],
): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'problems.txt'), `${problems.join('\n')}\n`);
  for (const name of ['a', 'b'] as const) {
    const { member } = pair.machines[name];
    await writeFile(join(folder, `member-${name}.log`), (await member.log()).slice(before[name].agent));
    await writeFile(join(folder, `postgresql-${name}.log`), (await member.postgresLog()).slice(before[name].postgres));
  }
}
