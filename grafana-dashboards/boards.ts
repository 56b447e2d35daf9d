import { refIds } from './board-plan.ts';
import type { BoardPlan } from './board-plan.ts';
import { buildBoard } from './build-board.ts';
import { hallLive } from './hall-live.ts';
import { dashboardQueries, noData, queriesWithoutData } from './dashboard-queries.ts';
import type { BoardQuery, FailedQuery } from './dashboard-queries.ts';
import type { BoardJson } from './board-json.ts';

/** Every board by the name of its file. */
export const boards: Readonly<Record<string, BoardPlan>> = { 'hall-live': hallLive };

/** The text of every board's file, by its path below the root of the repository. */
export function boardFiles(): ReadonlyMap<string, string> {
  const entries = Object.entries(boards).map(([name, plan]) => {
    return [`grafana-dashboards/${name}.json`, `${JSON.stringify(buildBoard(plan), null, 2)}\n`] as const;
  });
  return new Map(entries);
}

/** Why a query of a board may return nothing, by `panel/refId`; the demo and the tests leave those out. */
export function emptyIsNormal(plan: BoardPlan): ReadonlyMap<string, string> {
  const panels = plan.rows.flatMap((row) => row.panels);
  const entries = panels.flatMap(({ title, queries }) =>
    queries.flatMap(({ emptyIsNormal: why }, index) =>
      why === undefined ? [] : [[queryKey({ panel: title, refId: refIds[index] ?? '' }), why] as const],
    ),
  );
  return new Map(entries);
}

export const queryKey = ({ panel, refId }: Pick<BoardQuery, 'panel' | 'refId'>): string => `${panel}/${refId}`;

/**
 * Asks a Prometheus every query of every board.
 *
 * @returns Those it refuses, and those without data of which none says that this is normal.
 */
export async function boardsWithoutData(prometheusUrl: string): Promise<readonly FailedQuery[]> {
  const failed: FailedQuery[] = [];
  for (const plan of Object.values(boards)) {
    // By way of the JSON, because that is what Grafana gets.
    const board = JSON.parse(JSON.stringify(buildBoard(plan))) as BoardJson;
    const mayBeEmpty = emptyIsNormal(plan);
    for (const query of await queriesWithoutData(prometheusUrl, dashboardQueries(board))) {
      if (query.problem !== noData || !mayBeEmpty.has(queryKey(query))) failed.push(query);
    }
  }
  return failed;
}
