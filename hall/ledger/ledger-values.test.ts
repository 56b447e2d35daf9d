import { describe, expect, test } from 'vitest';
import { HistoryRequest } from '#lib/link/gen/hallkeeper/v1/fleet.ts';
import { storedLimits } from './load-ledger.ts';
import { checkRequest } from './read-history.ts';
import { orderMigrations } from './statements.ts';

describe('a question about the history that PostgreSQL could not read is refused by name', () => {
  test.each<[string, Partial<HistoryRequest>, string]>([
    ['a number beyond bigint', { fromNumber: 2n ** 63n }, 'fromNumber'],
    ['a time beyond the last date', { fromUnixMs: 2n ** 62n }, 'fromUnixMs'],
    ['a time before 1970', { untilUnixMs: -1n }, 'untilUnixMs'],
    ['a name with NUL', { terminals: ['t\u0000'] }, 'terminals'],
    ['too long a page', { limit: 1_001 }, 'limit'],
  ])('%s', (_what, wish, named) => {
    const check = (): void => checkRequest(HistoryRequest.fromPartial(wish));
    expect(check).toThrow(expect.objectContaining({ code: 'HK_HISTORY_INVALID', message: expect.stringContaining(named) as string }));
  });

  test('the widest question is good', () =>
    checkRequest(HistoryRequest.fromPartial({ fromNumber: 2n ** 63n - 1n, fromUnixMs: 0n, untilUnixMs: 8_640_000_000_000_000n })));
});

test.each([
  ['a name of another form', ['0001-roster.sql', 'notes.txt']],
  ['a gap', ['0001-roster.sql', '0003-terminal.sql']],
  ['a number twice', ['0001-roster.sql', '0001-terminal.sql']],
])('among the migrations %s is refused', (_what, files) =>
  expect(() => orderMigrations(files)).toThrow(expect.objectContaining({ code: 'HK_LEDGER_MIGRATION' })),
);

test('a stored limit that is none is left out and told, and never counts as 0', () => {
  const problems: string[] = [];
  expect(storedLimits({ intervalMs: 'x', offlineAfterMs: 5_000, hungAfterMs: -1, laterMs: 1 }, 't1', problems)).toEqual({
    offlineAfterMs: 5_000,
  });
  expect(problems).toEqual([expect.stringMatching(/^t1: intervalMs/), expect.stringMatching(/^t1: hungAfterMs/)]);
});
