import { within } from '#lib/base/deadline.ts';
import { panelsOf } from './board-json.ts';
import type { BoardJson } from './board-json.ts';
import { substitute } from './promql.ts';
import type { VariableValues } from './promql.ts';

export interface BoardQuery {
  readonly panel: string;
  readonly refId: string;
  /** The expression with values in the place of the board's variables. */
  readonly expr: string;
}

/** For a board that shows the last hour of all halls. */
export const wholeHour: VariableValues = { hall: '.+', range: '1h', rateInterval: '1m', interval: '15s' };

/** Every expression that a board asks Prometheus. */
export function dashboardQueries(board: BoardJson, values: VariableValues = wholeHour): readonly BoardQuery[] {
  return panelsOf(board).flatMap((panel) =>
    (panel.targets ?? []).map(({ refId, expr }) => ({
      panel: panel.title ?? '',
      refId: refId ?? '',
      expr: substitute(expr ?? '', values),
    })),
  );
}

export interface FailedQuery extends BoardQuery {
  /** `no data`, or what Prometheus said. */
  readonly problem: string;
}

export const noData = 'no data';

/**
 * Asks a Prometheus every query, for now, one after the other.
 *
 * @returns Those without data and those it refuses. Empty: the board has something to show everywhere.
 */
export async function queriesWithoutData(prometheusUrl: string, queries: readonly BoardQuery[]): Promise<readonly FailedQuery[]> {
  const failed: FailedQuery[] = [];
  for (const query of queries) {
    const problem = await problemOf(prometheusUrl, query.expr);
    if (problem !== undefined) failed.push({ ...query, problem });
  }
  return failed;
}

const answerMaxMs = 30_000;

async function problemOf(prometheusUrl: string, expr: string): Promise<string | undefined> {
  const url = `${prometheusUrl}/api/v1/query?query=${encodeURIComponent(expr)}`;
  const answer = await fetch(url, { signal: within(answerMaxMs, 'Prometheus answers a query') });
  const body = (await answer.json()) as { readonly error?: string; readonly data?: { readonly result: readonly unknown[] } };
  if (!answer.ok) return body.error ?? `status ${answer.status}`;
  return body.data?.result.length === 0 ? noData : undefined;
}
