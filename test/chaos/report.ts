import type { ScenarioResult } from './run-scenario.ts';

const notCompared = 'not compared';
const heads = ['scenario', 'outage (s)', 'direct (s)', 'lost', 'verdict', 'expected', ''] as const;

/** The results as a table for a terminal: one line a run. Outages in seconds, by the public name and by the members' addresses. */
export function tableOf(results: readonly ScenarioResult[]): string {
  const rows = [[...heads], ...results.map(rowOf)];
  const widths = heads.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function rowOf({ scenario, outageMs, directOutageMs, lost, verdict, expected, ok, problems }: ScenarioResult): string[] {
  return [
    scenario,
    seconds(outageMs),
    seconds(directOutageMs),
    lostInWords(lost),
    verdict,
    expected,
    ok ? 'ok' : `FAILED: ${problems.join('; ')}`,
  ];
}

/** How many writes were lost: where nothing was compared, nobody may read 0. */
export const lostInWords = (lost: number | undefined): string => (lost === undefined ? notCompared : String(lost));

/** The results as one JSON object; `lost` is null where nothing was compared. */
export function jsonOf(results: readonly ScenarioResult[]): string {
  return JSON.stringify({ results: results.map((result) => ({ ...result, lost: result.lost ?? null })) });
}

export const seconds = (ms: number): string => (ms / 1_000).toFixed(3);

/** One line about one run, as it ends. */
export function lineOf(result: ScenarioResult): string {
  const [name, outage, direct, lost, verdict, expected, end] = rowOf(result);
  const head = `${name}: ${verdict} (expected ${expected}), outage ${outage} s by name and ${direct} s directly, ${lost === notCompared ? `losses ${notCompared}` : `${lost} lost`}, ${seconds(result.tookMs)} s: ${end}`;
  return [head, ...result.notes.map((note) => `  ${note}`)].join('\n');
}
