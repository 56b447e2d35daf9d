import { randomInt } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { LocalPostgres, MemberState } from './member-state.ts';
import { isCutShort, suspicionAfter } from './own-log.ts';
import { killMember } from './simulation/strike.ts';
import { World } from './simulation/world.ts';
import type { MemberWish } from './testing/a-member.ts';
import { aPrimary, records } from './testing/a-member.ts';

/** A primary with its log at 5,000 that hears of a standby at `replay`. */
const hearing = (replayedInSync: bigint, wish: MemberWish = {}): MemberState => aPrimary({ ...wish, peerView: { replayedInSync } });

/** After so many looks at a server that has written on meanwhile, each of them answered. */
function looked(state: MemberState, looks: number, more: Partial<LocalPostgres> = {}): MemberState {
  let next = state;
  for (let look = 1; look <= looks; look += 1) {
    const seen = { ...state.postgres, ...more, look: state.postgres.look + look };
    next = { ...next, logSuspicion: suspicionAfter(next, seen), postgres: seen };
  }
  return next;
}

describe('whether the own log ends before that of the standby', () => {
  const rows: readonly (readonly [behaviour: string, MemberState, number, Partial<LocalPostgres>, boolean])[] = [
    ['three looks find the standby ahead', hearing(5_001n), 3, {}, true],
    ['two looks may have begun before it said so', hearing(5_001n), 2, {}, false],
    ['one that is as far', hearing(5_000n), 9, {}, false],
    ['a log that has gone on meanwhile', hearing(5_001n), 9, { flush: 5_001n }, false],
    ['a standby that has said nothing', hearing(0n), 9, {}, false],
    ['who leads alone', hearing(5_001n, { record: records.solo }), 9, {}, false],
    [
      'the deposed member that would take back',
      hearing(5_001n, { record: records.claimed, postgres: { role: 'primary', names: 'gate' } }),
      3,
      {},
      true,
    ],
    ['a server that is starting', hearing(5_001n), 9, { names: 'unknown' }, false],
  ];
  for (const [behaviour, state, looks, more, cut] of rows)
    test(`${behaviour}: ${cut ? 'it does' : 'it does not'}`, () => expect(isCutShort(looked(state, looks, more))).toBe(cut));

  test('looks that were not answered prove nothing, however many', () => {
    let state = hearing(5_001n);
    for (let look = 0; look < 9; look += 1) state = { ...state, logSuspicion: suspicionAfter(state, state.postgres) };
    expect(isCutShort(state)).toBe(false);
  });

  test('a log that catches up takes the suspicion away, and what is proven stays when the server ends', () => {
    const suspected = looked(hearing(5_001n), 2);
    expect(looked(suspected, 1, { flush: 6_000n }).logSuspicion).toBeUndefined();
    const proven = looked(suspected, 1);
    expect(isCutShort(looked(proven, 1, { process: 'down' }))).toBe(true);
    expect(looked(suspected, 1, { process: 'down' }).logSuspicion).toBeUndefined();
  });
});

const given = Number(process.env['HALLKEEPER_SEED'] ?? Number.NaN);
const firstSeed = Number.isNaN(given) ? randomInt(2 ** 31) : given;
const lives = 60;

test(`a primary whose log is cut short by its recovery leaves the lead to the standby that has it all (HALLKEEPER_SEED=${firstSeed})`, () => {
  for (let seed = firstSeed; seed < firstSeed + lives; seed += 1) {
    const world = new World(seed, 'storm');
    world.start();
    while (world.truth.mode !== 'sync' && world.schedule.runNext(30_000));
    const beginMs = world.schedule.nowMs + 3_000;
    while (world.schedule.runNext(beginMs));
    expect(world.truth.mode, `HALLKEEPER_SEED=${seed}`).toBe('sync');
    const leader = world.member(world.truth.primary ?? 'a');
    for (const member of world.members) killMember(member);
    leader.postgres.ownDamageAt = Math.max(1, leader.postgres.log.length - world.schedule.between(5, 40));
    for (const member of world.members) world.schedule.after(world.schedule.between(1, 100), () => member.startAgent());
    while (world.schedule.runNext(beginMs + 60_000));
    const story = `HALLKEEPER_SEED=${seed}: ${world.violation ?? ''}\n  ${world.story.slice(-25).join('\n  ')}`;
    if (world.violation !== undefined || world.truth.mode !== 'sync' || world.truth.primary === leader.name) expect.fail(story);
  }
});
