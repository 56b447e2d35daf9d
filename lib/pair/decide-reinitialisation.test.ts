import { describe, expect, test } from 'vitest';
import { decideReinitialisation, leaveMaxMs } from './decide-reinitialisation.ts';
import { canAdmit, mustLeaveAdmission } from './admission.ts';
import { decideDegrade } from './decide-degrade.ts';
import { decideOperation } from './decide-operation.ts';
import type { AskEnd, MemberEffect } from './events.ts';
import type { MemberState, Reinitialisation } from './member-state.ts';
import { heartbeatOf } from './outputs.ts';
import { step } from './step.ts';
import { aMember, aPrimary, ago, downPostgres, now, records } from './testing/a-member.ts';
import type { MemberWish } from './testing/a-member.ts';

const asked = (change: Partial<Reinitialisation> = {}): Reinitialisation => ({
  id: 'x',
  stage: 'leaving',
  sinceMs: now,
  letGoMs: undefined,
  ...change,
});
/** The standby whose primary leads alone and says so. */
const letGo = (change: Partial<Reinitialisation> = {}, wish: MemberWish = {}): MemberState =>
  aMember({ record: records.degraded, reinitialisation: asked({ letGoMs: ago(10), ...change }), heartbeat: { letsGo: 'x' }, ...wish });

describe('a standby that is to be copied anew', () => {
  test('asks for nothing but to be let go: its copy is one of two', () => {
    const seen = aMember({ reinitialisation: asked() });
    expect(heartbeatOf(seen).leaving).toBe('x');
    expect(decideOperation(seen)).toMatchObject({ do: 'none', why: 'streaming' });
  });

  const steps: readonly (readonly [string, MemberState, object])[] = [
    [
      'under SOLO(peer) it waits for the word of the primary: an admission may be on its way',
      aMember({ record: records.degraded, reinitialisation: asked() }),
      { do: 'none', why: expect.stringContaining('until the primary lets this member go') as string },
    ],
    [
      'with the word it settles first: that ends an admission of before',
      letGo({}, { arbiter: { settledMs: ago(2_000) } }),
      { do: 'settleFirst' },
    ],
    ['what was settled before the word does not count', letGo({ letGoMs: now }, { arbiter: { settledMs: now } }), { do: 'settleFirst' }],
    [
      'settled after the word it is copied, whatever its past allows',
      letGo({}, { arbiter: { settledMs: ago(5) } }),
      { do: 'run', what: { do: 'rejoin', anew: true } },
    ],
    ['a settlement of long ago is none', letGo({ letGoMs: ago(3_000) }, { arbiter: { settledMs: ago(1_001) } }), { do: 'settleFirst' }],
    [
      'without a primary to copy from everything stays',
      letGo({}, { heartbeat: { letsGo: 'x', postgres: 'dead' }, arbiter: { settledMs: ago(5) } }),
      { do: 'none', why: 'waiting for the primary' },
    ],
    [
      'a copy that broke off is made again, as for any member without its proof',
      letGo({ stage: 'attaching' }, { postgres: { ...downPostgres, data: 'incomplete' }, arbiter: { settledMs: ago(5) } }),
      { do: 'run', what: { do: 'rejoin' } },
    ],
    [
      'the copy that was made is started like any other',
      letGo({ stage: 'attaching' }),
      { do: 'none', why: 'streaming; waiting to be admitted' },
    ],
  ];
  for (const [behaviour, seen, does] of steps) {
    test(behaviour, () => {
      expect(decideOperation(seen)).toMatchObject(does);
    });
  }
});

describe('its way', () => {
  interface Row {
    readonly behaviour: string;
    readonly seen: MemberState;
    readonly letGoMs?: number;
    readonly stage?: Reinitialisation['stage'];
    readonly ended?: { readonly as: AskEnd; readonly why: string };
  }
  const rows: readonly Row[] = [
    { behaviour: 'the primary still waits for it', seen: aMember({ reinitialisation: asked() }) },
    {
      behaviour: 'a word under SYNC is none',
      seen: aMember({ reinitialisation: asked(), heartbeat: { letsGo: 'x' } }),
    },
    {
      behaviour: 'the word for another asking is none',
      seen: aMember({ record: records.degraded, reinitialisation: asked(), heartbeat: { letsGo: 'w' } }),
    },
    {
      behaviour: 'the word counts from when it was heard',
      seen: aMember({ record: records.degraded, reinitialisation: asked(), heartbeat: { letsGo: 'x' } }),
      letGoMs: now,
    },
    { behaviour: 'and from then on', seen: letGo(), letGoMs: ago(10) },
    { behaviour: 'a word that is taken back is forgotten', seen: letGo({}, { heartbeat: { letsGo: undefined } }) },
    { behaviour: 'and so it is when the record says SYNC again', seen: letGo({}, { record: records.sync }) },
    { behaviour: 'it waits its time', seen: aMember({ reinitialisation: asked({ sinceMs: ago(leaveMaxMs) }) }) },
    {
      behaviour: 'and no longer: it stays what it was',
      seen: aMember({ reinitialisation: asked({ sinceMs: ago(leaveMaxMs + 1) }) }),
      ended: { as: 'failed', why: 'did not let this member go' },
    },
    {
      behaviour: 'a copy under way takes as long as it takes',
      seen: letGo({ sinceMs: ago(3_600_000) }, { operation: { do: 'rejoin', anew: true } }),
      letGoMs: ago(10),
    },
    {
      behaviour: 'what is not whole needs no leave: nobody counts on it',
      seen: aMember({ record: records.degraded, reinitialisation: asked(), postgres: { data: 'incomplete' } }),
      stage: 'attaching',
    },
    {
      behaviour: 'the primary was lost before anything was deleted: it takes over',
      seen: aMember({ record: records.claimed, reinitialisation: asked() }),
      ended: { as: 'failed', why: 'this member takes over' },
    },
    {
      behaviour: 'the copy is not proven yet',
      seen: letGo({ stage: 'attaching' }, { postgres: { data: 'incomplete' } }),
      letGoMs: ago(10),
    },
    {
      behaviour: 'proven and streaming it is done',
      seen: letGo({ stage: 'attaching' }),
      ended: { as: 'done', why: 'the new copy streams' },
    },
  ];
  for (const { behaviour, seen, letGoMs, stage, ended } of rows) {
    test(behaviour, () => {
      const effects: MemberEffect[] = [];
      const after = decideReinitialisation(seen, effects);
      expect(after.reinitialisation?.letGoMs).toBe(letGoMs);
      expect(after.reinitialisation?.stage ?? 'over').toBe(ended === undefined ? (stage ?? seen.reinitialisation?.stage) : 'over');
      expect(after.reinitialisation === undefined).toBe(ended !== undefined);
      expect(effects).toEqual(
        ended === undefined ? [] : [{ do: 'askEnded', id: 'x', as: ended.as, why: expect.stringContaining(ended.why) as string }],
      );
    });
  }

  test('the end of the copy is the beginning of attaching', () => {
    const copying = letGo({}, { operation: { do: 'rejoin', anew: true }, postgres: { data: 'incomplete' } });
    const over = { on: 'operationEnded', id: 7, outcome: { ok: true }, postgres: copying.postgres } as const;
    expect(step(copying, over, now + 5).state.reinitialisation?.stage).toBe('attaching');
    const failed = { ...over, outcome: { ok: false, why: 'the stream broke' } } as const;
    expect(step(copying, failed, now + 5).state.reinitialisation?.stage).toBe('attaching');
    const untouched = { ...failed, postgres: { ...copying.postgres, data: 'complete' } } as const;
    expect(step(copying, untouched, now + 5).state.reinitialisation?.stage).toBe('leaving');
  });
});

describe('the primary of a standby that leaves', () => {
  test('goes on alone at once, without a commit that waits, and only for the standby of this epoch', () => {
    expect(decideDegrade(aPrimary({ heartbeat: { leaving: 'x' } }))).toMatchObject({ do: 'degrade' });
    const earlier = { sequence: 1, mode: 'sync', epoch: 0, primary: 'a' } as const;
    expect(decideDegrade(aPrimary({ heartbeat: { leaving: 'x', record: earlier } }))).toMatchObject({ do: 'hold' });
    expect(decideDegrade(aPrimary({ heartbeat: { leaving: 'x' }, peerView: { heardMs: ago(300) } }))).toMatchObject({ do: 'hold' });
  });

  test('does not wait for it again, and says that only when it leads alone', () => {
    const alone = aPrimary({ record: records.degraded, postgres: { names: 'none' }, heartbeat: { leaving: 'x' } });
    expect(canAdmit(alone)).toBe(false);
    expect(mustLeaveAdmission(alone)).toBe(true);
    expect(heartbeatOf(alone).letsGo).toBe('x');
    expect(heartbeatOf(aPrimary({ heartbeat: { leaving: 'x' } })).letsGo).toBeUndefined();
  });
});

describe('asking for it', () => {
  const ask = (seen: MemberState): readonly MemberEffect[] => step(seen, { on: 'reinitialiseAsked', id: 'y' }, now).effects;
  const refusals: readonly (readonly [string, MemberState, string])[] = [
    ['the primary', aPrimary(), 'this member leads'],
    ['a claimant', aMember({ record: records.claimed }), 'this member leads'],
    ['a deposed primary', aPrimary({ record: records.claimed, postgres: downPostgres }), 'nobody leads who could be copied'],
    ['a standby without its arbiter', aMember({ arbiter: { settled: false } }), 'the arbiter is not reached'],
    ['a standby that does not hear the primary', aMember({ peerView: { heardMs: ago(600) } }), 'the primary is not heard'],
    ['a standby whose primary died', aMember({ heartbeat: { postgres: 'dead' } }), 'the primary is not heard'],
    ['a standby that two copies were asked for', aMember({ whenStandbyLost: 'block' }), 'every write would wait'],
    ['a standby at it', aMember({ reinitialisation: asked() }), 'it is being copied anew already'],
    ['a standby that rejoins', aMember({ record: records.degraded, operation: { do: 'rejoin' } }), 'brought back already'],
  ];
  for (const [behaviour, seen, why] of refusals) {
    test(`${behaviour} refuses and says why`, () => {
      expect(ask(seen)).toContainEqual({ do: 'askEnded', id: 'y', as: 'refused', why: expect.stringContaining(why) as string });
    });
  }

  test('where writes wait already it makes them wait no longer', () => {
    const seen = aMember({ record: records.degraded, whenStandbyLost: 'block' });
    expect(step(seen, { on: 'reinitialiseAsked', id: 'y' }, now).state.reinitialisation).toMatchObject({ id: 'y', stage: 'leaving' });
  });
});
