import { expect, test } from 'vitest';
import { silentLog } from '#lib/base/log.ts';
import type { MemberState } from '#lib/pair/member-state.ts';
import { aMember, downPostgres } from '#lib/pair/testing/a-member.ts';
import { StoppedLog } from './stopped-log.ts';

const frozen = { arbiter: { frozen: 'the record is missing' } } as const;
const lineage = { systemIdentifier: '7', switches: [], timeline: 3, endLsn: 9_000n, start: undefined, strayHistories: [] };

/** Looks a few times at a member in this state, and says what is known then and how often the log was read. */
async function lookAt(
  state: MemberState,
  stoppedLineage: () => Promise<typeof lineage>,
): Promise<{ readonly end: unknown; readonly looks: number }> {
  const stop = new AbortController();
  let looks = 0;
  let rounds = 0;
  const instance = {
    stoppedLineage: async () => {
      looks += 1;
      return await stoppedLineage();
    },
  };
  const clock = {
    nowMs: () => 0,
    wallMs: () => 0,
    sleep: async () => {
      rounds += 1;
      if (rounds === 3) stop.abort();
    },
  };
  const log = new StoppedLog({ instance, clock, log: silentLog, state: () => state });
  await log.watch(stop.signal);
  return { end: log.end, looks };
}

const rows: readonly (readonly [string, MemberState, number])[] = [
  ['of a frozen member whose PostgreSQL is down, once', aMember({ ...frozen, postgres: downPostgres }), 1],
  ['not while its PostgreSQL runs', aMember(frozen), 0],
  ['not while somebody may start it', aMember({ postgres: downPostgres }), 0],
  ['not without data', aMember({ ...frozen, postgres: { ...downPostgres, data: 'empty' } }), 0],
];
for (const [behaviour, state, looks] of rows) {
  test(`the end of the log is looked for ${behaviour}`, async () => {
    const seen = await lookAt(state, () => Promise.resolve(lineage));
    expect(seen).toEqual({ looks, end: looks === 0 ? undefined : lineage });
  });
}

test('a look that fails is repeated and ends nothing', async () => {
  const seen = await lookAt(aMember({ ...frozen, postgres: downPostgres }), () => Promise.reject(new Error('no pg_waldump')));
  expect(seen).toEqual({ looks: 3, end: undefined });
});
