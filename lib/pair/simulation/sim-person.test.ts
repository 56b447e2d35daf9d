import { expect, test } from 'vitest';
import { adoptLost, deleteRecord, pausePair, setRecordBack } from './sim-person.ts';
import { killMember } from './strike.ts';
import { World } from './world.ts';

/** A pair that has found itself: synchronous, and without any fault. */
function settledWorld(): { readonly world: World; readonly pass: (ms: number) => void } {
  const world = new World(2, 'storm');
  world.start();
  const pass = (ms: number): void => {
    const until = world.schedule.nowMs + ms;
    while (world.schedule.runNext(until));
    expect(world.violation).toBeUndefined();
  };
  pass(30_000);
  expect(world.invariants.unsettled()).toEqual([]);
  return { world, pass };
}

const frozen = ({ members }: World): readonly boolean[] => members.map(({ state }) => state?.arbiter.frozen !== undefined);

for (const [what, harm] of [
  ['deleted', deleteRecord],
  ['set back', (world: World) => setRecordBack(world, 0)],
] as const) {
  test(`a record that is ${what} freezes both members, also through the end of the leader, until it is adopted`, () => {
    const { world, pass } = settledWorld();
    const before = world.truth;
    expect(harm(world)).toBe(true);
    pass(5_000);
    expect(frozen(world)).toEqual([true, true]);
    const leader = world.member(before.primary ?? '');
    killMember(leader);
    pass(5_000);
    expect([world.failovers, world.truth]).toEqual([0, before]);
    adoptLost(world);
    expect(world.truth.primary).toBe(before.primary);
    expect(world.truth.sequence).toBeGreaterThan(before.sequence);
    expect(world.truth.epoch).toBeGreaterThan(before.epoch);
    leader.startAgent();
    pass(40_000);
    expect(world.invariants.unsettled()).toEqual([]);
  });
}

test('while a person holds failover nobody takes over from a dead leader, and afterwards the standby does', () => {
  const { world, pass } = settledWorld();
  pausePair(world, true);
  pass(1_000);
  killMember(world.member(world.truth.primary ?? ''));
  pass(20_000);
  expect(world.failovers).toBe(0);
  pausePair(world, false);
  pass(3_000);
  expect(world.failovers).toBe(1);
});
