import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decideRejoin } from './decide-rejoin.ts';
import type { PostgresInstance, SqlLine } from './instance.ts';
import type { RealPair } from './testing/real-pair.ts';
import { joinedPair, soon, untilStatus } from './testing/real-pair.ts';

// The traps of equal and unequal timeline numbers, on real servers. One story in order.
describe('a claim that was taken back', () => {
  let pair: RealPair;
  beforeAll(async () => {
    pair = await joinedPair();
  });
  afterAll(() => pair[Symbol.asyncDispose]());

  test('the claimant has a timeline 2 and is rewound to the timeline 1 on which the other lives on', async () => {
    const { a, b } = pair;
    await a.killAll(soon());
    await promoteBehindGate(b);
    await b.killAll(soon());
    await a.start({ as: 'primary', gate: 'closed' }, soon());
    await a.waitReady(soon());
    await useLine(a, (line) => a.commitLocal(line, soon()));
    await a.setGate('none', soon());
    await useLine(a, (line) => line.query('CREATE TABLE taken_back AS SELECT 1', [], soon()));

    const mine = await b.stoppedLineage(soon());
    const source = await useLine(a, (line) => a.runningLineage(line, soon()));
    expect([mine.timeline, source.timeline]).toEqual([2, 1]);
    const decision = decideRejoin(mine, source);
    expect(decision).toMatchObject({ do: 'rewind', forkTimeline: 1, forkLsn: mine.switches[0]?.endLsn });
    expect(await b.rewind(soon())).toEqual({ did: 'rewound' });
    await b.start({ as: 'standby', follow: true }, soon());
    await b.waitReady(soon());
    await useLine(a, (line) => untilStatus(a, line, ({ peers }) => peers.some(({ state }) => state === 'streaming')));
    const rows = await useLine(b, async (line) => {
      await b.ensurePeerSlot(line, soon());
      return (await line.query(`SELECT to_regclass('taken_back') AS seen, timeline_id FROM pg_control_checkpoint()`, [], soon())).rows;
    });
    expect(rows).toEqual([{ seen: 'taken_back', timeline_id: '1' }]);
  });

  test('two promotions apart make two timelines of one number, which only a copy can bring together', async () => {
    const { a, b } = pair;
    await a.killAll(soon());
    await promoteBehindGate(b);
    await b.killAll(soon());
    // The other is promoted apart, which the protocol never does; a person might.
    await a.start({ as: 'standby', follow: false }, soon());
    await a.waitReady(soon());
    await promoteBehindGate(a);
    await a.setGate('none', soon());
    const mine = await b.stoppedLineage(soon());
    const source = await useLine(a, (line) => a.runningLineage(line, soon()));
    expect([mine.timeline, source.timeline]).toEqual([2, 2]);
    expect(decideRejoin(mine, source).do).toBe('copy');
    // This is why: pg_rewind compares the numbers only.
    expect(await b.rewind(soon())).toMatchObject({ did: 'nothing' });
  });
});

async function promoteBehindGate(instance: PostgresInstance): Promise<void> {
  await useLine(instance, async (line) => {
    await instance.fence(line, 5_000, soon());
    await instance.promote(line, soon());
    await instance.commitLocal(line, soon());
  });
}

async function useLine<T>(instance: PostgresInstance, work: (line: SqlLine) => Promise<T>): Promise<T> {
  const line = instance.openLine('test');
  try {
    return await work(line);
  } finally {
    await line.close();
  }
}
