import { describe, expect, test } from 'vitest';
import { decideKill, killMaxMs } from './decide-kill.ts';
import type { AskEnd, MemberEffect } from './events.ts';
import type { Kill, MemberState } from './member-state.ts';
import { heartbeatOf } from './outputs.ts';
import { step } from './step.ts';
import { aMember, aPrimary, ago, downPostgres, now, records } from './testing/a-member.ts';
import type { MemberWish } from './testing/a-member.ts';

const kill = (ms = 0, died = true): Kill => ({ id: 'x', sinceMs: ago(ms), died });

interface Row {
  readonly behaviour: string;
  readonly seen: MemberWish;
  /** How it ended; absent: it goes on. */
  readonly ended?: { readonly as: AskEnd; readonly why: string };
}

const rows: readonly Row[] = [
  { behaviour: 'PostgreSQL lives on for a moment', seen: { kill: kill(0, false) } },
  { behaviour: 'it died, and the claim is awaited', seen: { kill: kill(), postgres: downPostgres } },
  {
    behaviour: 'it is being started again: the standby may still win',
    seen: { kill: kill(), operation: { do: 'startPrimary', names: 'peer' } },
  },
  {
    behaviour: 'the standby claimed',
    seen: { kill: kill(), record: records.claimed, postgres: downPostgres },
    ended: { as: 'done', why: 'the standby took over' },
  },
  {
    behaviour: 'the standby was lost in the same moment',
    seen: { kill: kill(), record: records.degraded, postgres: downPostgres },
    ended: { as: 'failed', why: 'the standby was lost' },
  },
  {
    behaviour: 'nobody claimed, and it serves again',
    seen: { kill: kill() },
    ended: { as: 'failed', why: 'the standby did not take over' },
  },
  { behaviour: 'it has its time', seen: { kill: kill(killMaxMs), postgres: downPostgres } },
  {
    behaviour: 'and no more',
    seen: { kill: kill(killMaxMs + 1), postgres: downPostgres },
    ended: { as: 'failed', why: 'no end of it was seen' },
  },
];

describe('a drill under way', () => {
  for (const { behaviour, seen, ended } of rows) {
    test(behaviour, () => {
      const effects: MemberEffect[] = [];
      const after = decideKill(aPrimary(seen), effects);
      expect(after.kill === undefined).toBe(ended !== undefined);
      expect(effects).toEqual(
        ended === undefined ? [] : [{ do: 'askEnded', id: 'x', as: ended.as, why: expect.stringContaining(ended.why) as string }],
      );
    });
  }
});

describe('asking for a drill', () => {
  const ask = (seen: MemberState): readonly MemberEffect[] => step(seen, { on: 'killAsked', id: 'y' }, now).effects;

  test('PostgreSQL is killed, its death is told to the standby as any other, and nobody starts it before the standby may claim', () => {
    const asked = step(aPrimary(), { on: 'killAsked', id: 'y' }, now);
    expect(asked.effects).toEqual([{ do: 'killPostgres', id: 'y' }]);
    const dead = step(asked.state, { on: 'postgresDied', postgres: { ...asked.state.postgres, ...downPostgres } }, now + 5);
    expect(dead.effects).toEqual([]);
    expect(heartbeatOf(dead.state)).toMatchObject({ postgres: 'dead', handingOver: false });
    expect(dead.state.kill).toMatchObject({ id: 'y', died: true });
  });

  const refusals: readonly (readonly [string, MemberState, string])[] = [
    ['the standby', aMember(), 'only the primary of a pair in mode SYNC'],
    ['a sole primary', aPrimary({ record: records.solo, postgres: { names: 'none' } }), 'only the primary of a pair in mode SYNC'],
    ['a primary without its arbiter', aPrimary({ arbiter: { failures: 1 } }), 'the arbiter is not reached'],
    ['a frozen primary', aPrimary({ arbiter: { frozen: 'the record is missing' } }), 'frozen: the record is missing'],
    ['a primary whose standby does not stream', aPrimary({ postgres: { peerAttached: false } }), 'the standby does not stream'],
    ['a primary whose standby is not heard', aPrimary({ peerView: { heardMs: ago(300) } }), 'or is not heard'],
    ['a primary that was not changed to wait yet', aPrimary({ postgres: { names: 'none' } }), 'does not wait for the standby'],
    ['a paused primary', aPrimary({ paused: true }), 'the standby would not take over'],
    ['a primary that hands over', aPrimary({ handover: { id: 'h', stage: 'checkpointing', sinceMs: now } }), 'a switchover is under way'],
    ['a primary at work', aPrimary({ operation: { do: 'checkpoint' } }), 'an operation on PostgreSQL'],
    ['a primary in a drill', aPrimary({ kill: kill(0, false) }), 'a drill is under way'],
    ['a primary whose standby leaves', aPrimary({ heartbeat: { leaving: 'r' } }), 'the standby is to be copied anew'],
  ];
  for (const [behaviour, seen, why] of refusals) {
    test(`${behaviour} refuses, says why, and kills nothing`, () => {
      const effects = ask(seen);
      expect(effects).toContainEqual({ do: 'askEnded', id: 'y', as: 'refused', why: expect.stringContaining(why) as string });
      expect(effects.map(({ do: what }) => what)).not.toContain('killPostgres');
    });
  }
});
