import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { FailoverPairDetectionManifest } from '#lib/api/failoverpair.gen.ts';
import type { PairRecordMode, PairRecordSpec } from '#lib/api/pairrecord.gen.ts';
import { defaultLimits, limitProblems } from '#lib/pair/limits.ts';
import { isLegal } from '#lib/pair/pair-record.ts';
import type { PairMode, PairRecord } from '#lib/pair/pair-record.ts';
import { startApiServer } from './api-server.ts';
import type { ApiServer } from './api-server.ts';
import { aPair, aPairRecord } from './builders.ts';

// The protocol's code and the definitions state the same rules in two languages. Here they are asked the same questions.

let server: ApiServer;
beforeAll(async () => {
  server = await startApiServer();
});
afterAll(async () => server[Symbol.asyncDispose]());

const modes = { New: 'new', Sync: 'sync', Solo: 'solo', Claim: 'claim' } as const satisfies Record<PairRecordMode, PairMode>;

/** A record that is whole in itself; small numbers, so that neighbours are met often. */
const anyRecord = fc
  .record({
    mode: fc.constantFrom<PairRecordMode>('New', 'Sync', 'Sync', 'Solo', 'Solo', 'Claim', 'Claim'),
    primary: fc.constantFrom('a', 'b'),
    epoch: fc.integer({ min: 1, max: 4 }),
    sequence: fc.integer({ min: 6, max: 9 }),
    systemIdentifier: fc.constantFrom(undefined, '7311', '7311', '7311', '7311', '7311', '7311', '7312'),
  })
  .map(({ mode, primary, epoch, sequence, systemIdentifier }) => {
    const led = mode === 'New' ? { mode, epoch: 0, sequence } : { mode, primary, epoch, sequence };
    return systemIdentifier === undefined ? led : { ...led, systemIdentifier };
  });

/** Half of the time a step of the protocol, or next to one. */
const anyStep = fc.tuple(anyRecord, anyRecord, fc.boolean(), fc.integer({ min: 0, max: 2 })).map(([from, to, isNear, epochs]) => {
  if (!isNear) return { from, to };
  const near = { ...from, ...to, sequence: from.sequence + 1 };
  return { from, to: to.mode === 'New' ? { ...to, sequence: near.sequence } : { ...near, epoch: from.epoch + epochs || 1 } };
});

function asCore(record: Partial<PairRecordSpec>): PairRecord {
  return {
    formatVersion: 1,
    sequence: record.sequence ?? 0,
    mode: modes[record.mode ?? 'New'],
    primary: record.primary,
    epoch: record.epoch ?? 0,
    systemIdentifier: record.systemIdentifier,
    acknowledged: undefined,
    reason: 'x',
    author: 'x',
  };
}

test('the API server accepts a change of a PairRecord exactly when the protocol knows it', async () => {
  let count = 0;
  let legal = 0;
  await fc.assert(
    fc.asyncProperty(anyStep, async ({ from, to }) => {
      fc.pre(JSON.stringify(from) !== JSON.stringify(to));
      count += 1;
      const name = `record-${count}`;
      expect((await server.create(aPairRecord({ name, spec: from }))).message).toBe('');
      const answer = await server.update(aPairRecord({ name, spec: to }), { dryRun: true });
      const wanted = isLegal(asCore(from), asCore(to));
      if (wanted) legal += 1;
      expect({ from, to, accepted: answer.code === 200, said: answer.message }).toMatchObject({ accepted: wanted });
    }),
    { numRuns: 400 },
  );
  expect(legal).toBeGreaterThan(0);
});

test('the API server accepts detection limits exactly when the protocol can work with them', async () => {
  const ms = (min: number, max: number): fc.Arbitrary<number> => fc.integer({ min: min / 10, max: max / 10 }).map((tens) => tens * 10);
  const anyLimits = fc.record({
    periodMs: ms(20, 200),
    suspectAfterMs: ms(40, 1_200),
    degradeAfterMs: ms(40, 600),
    degradeSlowAfterMs: ms(40, 3_000),
    canaryStaleAfterMs: ms(40, 1_200),
  });
  let possible = 0;
  await fc.assert(
    fc.asyncProperty(anyLimits, async (limits) => {
      const detection: FailoverPairDetectionManifest = {
        period: `${limits.periodMs}ms`,
        suspectAfter: `${limits.suspectAfterMs}ms`,
        degradeAfter: `${limits.degradeAfterMs}ms`,
        degradeSlowAfter: `${limits.degradeSlowAfterMs}ms`,
        canaryStaleAfter: `${limits.canaryStaleAfterMs}ms`,
      };
      const answer = await server.create(aPair({ spec: { detection } }), { dryRun: true });
      const problems = limitProblems({ ...defaultLimits, ...limits });
      if (problems.length === 0) possible += 1;
      expect({ accepted: answer.code === 201, said: answer.message, problems }).toMatchObject({ accepted: problems.length === 0 });
    }),
    { numRuns: 400 },
  );
  expect(possible).toBeGreaterThan(0);
});
