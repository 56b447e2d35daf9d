import { expect, test } from 'vitest';
import { adoptLost } from './sim-person.ts';
import type { SimMember } from './sim-member.ts';
import { killMember } from './strike.ts';
import { World } from './world.ts';

interface SetBack {
  readonly world: World;
  readonly leader: SimMember;
  readonly standby: SimMember;
  readonly pass: (ms: number) => void;
}

/**
 * The standby is off, the leader goes on alone and acknowledges, and then a record of before stands in the arbiter: the standby, back
 * again, has seen none that is newer. No store that forgets can be told from one that remembers by whoever has only seen what it shows.
 */
function setBackUnseen(): SetBack {
  const world = new World(2, 'storm');
  world.start();
  const pass = (ms: number): void => {
    const until = world.schedule.nowMs + ms;
    while (world.schedule.runNext(until));
  };
  pass(30_000);
  expect(world.invariants.unsettled()).toEqual([]);
  const before = world.arbiter.record;
  expect(before.mode).toBe('sync');
  const leader = world.member(before.primary ?? '');
  killMember(leader.peer);
  pass(5_000);
  expect(world.truth.mode).toBe('solo');
  world.arbiter.write(before);
  return { world, leader, standby: leader.peer, pass };
}

const frozen = ({ state }: SimMember): boolean => state?.arbiter.frozen !== undefined;

/** Everything that was ever acknowledged to a client, as far as this member lacks it. */
function lacks(world: World, { postgres }: SimMember): number {
  const held = new Set(postgres.log.map(({ key }) => key));
  return world.clients.flatMap(({ acknowledged }) => [...acknowledged]).filter((key) => !held.has(key)).length;
}

test('a standby that hears the leader believes it more than the arbiter, also after its end', () => {
  const { world, leader, standby, pass } = setBackUnseen();
  pass(3_000);
  standby.startAgent();
  pass(3_000);
  expect(frozen(leader)).toBe(true);
  killMember(leader);
  pass(10_000);
  expect(world.failovers).toBe(0);
  leader.startAgent();
  pass(2_000);
  expect(frozen(leader)).toBe(true);
  adoptLost(world);
  pass(40_000);
  expect(world.invariants.unsettled()).toEqual([]);
  expect(lacks(world, leader)).toBe(0);
});

test('starts of the standby, which raise the counters, do not make the leader believe the record again', () => {
  const { leader, standby, pass } = setBackUnseen();
  for (let round = 0; round < 4; round += 1) {
    standby.startAgent();
    pass(2_000);
    expect(frozen(leader)).toBe(true);
    standby.killAgent();
  }
});

test('a standby that hears nobody leads by it, and the leader keeps what it acknowledged, shuts its door, and waits for a person', () => {
  const { world, leader, standby, pass } = setBackUnseen();
  const losses = world.network.cut();
  standby.startAgent();
  pass(8_000);
  expect(world.failovers).toBe(1);
  expect([frozen(leader), leader.open]).toEqual([true, false]);
  const { log } = leader.postgres;
  world.network.mend(losses);
  pass(10_000);
  expect([frozen(leader), leader.open, leader.postgres.log]).toEqual([true, false, log]);
  // Also an agent that starts anew beside the living server leads no more.
  leader.killAgent();
  leader.startAgent();
  pass(5_000);
  expect([frozen(leader), leader.open]).toEqual([true, false]);
});
