import { refIds } from './board-plan.ts';
import type { BoardPlan } from './board-plan.ts';
import { buildBoard } from './build-board.ts';
import { hallLive } from './hall-live.ts';
import type { BoardQuery } from './dashboard-queries.ts';

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
