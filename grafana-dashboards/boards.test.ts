import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import type { BoardJson } from './board-json.ts';
import { refIds } from './board-plan.ts';
import { boardFiles, boards, emptyIsNormal, queryKey } from './boards.ts';
import { dashboardQueries } from './dashboard-queries.ts';
import { lintBoard } from './lint-board.ts';
import { checkValues, parsePromql, substitute } from './promql.ts';

const root = new URL('../', import.meta.url);
/** A ConfigMap holds 1 MiB, and applied by kubectl from the client's side its annotation at most 262,144 bytes. */
const boardBytesMax = 262_144;

for (const [path, text] of boardFiles()) {
  const board = JSON.parse(text) as BoardJson;
  describe(path, () => {
    test('the committed file is the generated one', async () => {
      expect(await readFile(new URL(path, root), 'utf8')).toBe(text);
    });

    test('it keeps every lint rule', () => {
      expect(lintBoard(board)).toEqual([]);
    });

    test('it fits into a ConfigMap', () => {
      expect(Buffer.byteLength(text)).toBeLessThan(boardBytesMax);
    });
  });
}

test('a query lists its expression with values in the place of all variables', () => {
  for (const text of boardFiles().values()) {
    const queries = dashboardQueries(JSON.parse(text) as BoardJson);
    expect(queries.length).toBeGreaterThan(20);
    for (const { expr } of queries) expect(expr).not.toContain('$');
  }
});

test('substitution takes the longer name first', () => {
  expect(substitute('rate(x{hall=~"$hall"}[$__rate_interval]) $__range $__interval', checkValues)).toBe(
    'rate(x{hall=~"$hall"}[3m]) 61m 31s',
  );
});

test('a query that may be empty says why, and is one of the board', () => {
  for (const plan of Object.values(boards)) {
    const panels = plan.rows.flatMap((row) => row.panels);
    const known = panels.flatMap(({ title, queries }) => queries.map((_, index) => queryKey({ panel: title, refId: refIds[index] ?? '' })));
    for (const [key, why] of emptyIsNormal(plan)) {
      expect(known).toContain(key);
      expect(why.length).toBeGreaterThan(20);
    }
    expect(new Set(panels.map(({ title }) => title)).size).toBe(panels.length);
  }
});

test('a selector is read with its matchers and the function around it', () => {
  const parsed = parsePromql('sum by (hall) (increase(x_total{hall=~"a|b",y!="c,d"}[1h] @ end())) / on (hall) max(z)');
  expect(parsed).toEqual({
    ok: true,
    selectors: [
      { metric: 'x_total', matchers: ['hall=~"a|b"', 'y!="c,d"'], within: 'increase', range: '1h' },
      { metric: 'z', matchers: [], within: 'max', range: '' },
    ],
  });
});
