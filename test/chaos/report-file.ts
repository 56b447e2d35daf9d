import { cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { postgresPrograms } from '../cluster/programs.ts';
import { runTool } from '../cluster/run-tool.ts';
import { lostInWords, seconds } from './report.ts';
import type { ScenarioResult } from './run-scenario.ts';
import { scenarioGroups } from './scenario.ts';
import type { Scenario } from './scenario.ts';

const gibibyte = 1024 ** 3;

/** What the scenarios ran on, without a name of it. */
export async function machineInWords(): Promise<string> {
  const postgres = (await runTool(join(postgresPrograms(), 'postgres'), ['--version'])).trim();
  const cores = cpus().length;
  return `${cores} cores, ${Math.round(totalmem() / gibibyte)} GiB of memory, Linux ${release()}, Node.js ${process.versions.node}, ${postgres}`;
}

/** The report as a page: one row a scenario, the worst of its runs. */
export function reportPage(
  scenarios: readonly Scenario[],
  results: readonly ScenarioResult[],
  { date, machine, times }: { readonly date: string; readonly machine: string; readonly times: number },
): string {
  const failed = results.filter(({ ok }) => !ok).length;
  const { lost, without } = lossesIn(results);
  const acknowledged = results.reduce((sum, result) => sum + result.acknowledged, 0);
  return [
    '# Chaos report',
    '',
    'A real pair (PostgreSQL, member agents, BIND, kube-apiserver) on two machines of its own, network namespaces and disks, hurt in every',
    'way that is listed. Written by `npm run chaos -- --times N --report docs/chaos-report.md`; not edited by hand.',
    '',
    `- Date: ${date}`,
    `- Machine: ${machine}; both members, their clients and all servers share it`,
    `- Runs: each scenario ${times} times, ${results.length} in all; ${failed} did not give the expected verdict`,
    `- Writes: ${acknowledged} acknowledged, ${lost} lost; ${without} runs were not compared`,
    '',
    'Outage is the longest time without an acknowledgement for a client that follows the public name and gives up an attempt after 0.3 s;',
    'direct is the same for clients that go to both members. Both are in seconds, the worst of the runs. Where the fault itself keeps',
    'everybody from writing, they last as long as the fault. Foretold is what `hallctl pair explain` said before the primary failed.',
    ...scenarioGroups.flatMap((group) => tableOfGroup(group, scenarios, results)),
    '',
  ].join('\n');
}

/** The losses of the runs that were compared, and how many were not. */
function lossesIn(runs: readonly ScenarioResult[]): { readonly lost: number; readonly without: number } {
  return {
    lost: runs.reduce((sum, { lost }) => sum + (lost ?? 0), 0),
    without: runs.filter(({ lost }) => lost === undefined).length,
  };
}

function lostOfRuns(runs: readonly ScenarioResult[]): string {
  const { lost, without } = lossesIn(runs);
  if (without === 0) return String(lost);
  return without === runs.length ? lostInWords(undefined) : `${lost}, ${without} ${lostInWords(undefined)}`;
}

function tableOfGroup(group: string, scenarios: readonly Scenario[], results: readonly ScenarioResult[]): readonly string[] {
  const rows = scenarios.filter((scenario) => scenario.group === group && results.some((each) => each.scenario === scenario.name));
  if (rows.length === 0) return [];
  const head = [
    '',
    `## ${group}`,
    '',
    '| scenario | what happens | outage (s) | direct (s) | lost | foretold | verdict | expected |',
    '|---|---|---|---|---|---|---|---|',
  ];
  return [
    ...head,
    ...rows.map((scenario) =>
      rowOf(
        scenario,
        results.filter((each) => each.scenario === scenario.name),
      ),
    ),
  ];
}

function rowOf({ name, about }: Scenario, runs: readonly ScenarioResult[]): string {
  const worst = (of: (result: ScenarioResult) => number): string => seconds(Math.max(...runs.map(of)));
  const foretold = [...new Set(runs.map((run) => (run.foretold === undefined ? '–' : run.foretold ? 'takes over' : 'nobody')))].join(', ');
  const verdicts = [...new Set(runs.map(({ ok, verdict, problems }) => (ok ? verdict : `${verdict}: ${problems.join('; ')}`)))].join('; ');
  const cells = [
    name,
    about,
    worst(({ outageMs }) => outageMs),
    worst(({ directOutageMs }) => directOutageMs),
    lostOfRuns(runs),
    foretold,
    verdicts,
    runs[0]?.expected ?? '',
  ];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}
