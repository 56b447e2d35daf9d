import { describe, expect, test } from 'vitest';
import { decideClaim } from './decide-claim.ts';
import { factsOf, heartbeatStanding } from './member-facts.ts';
import type { MemberState } from './member-state.ts';
import { leavesDoor, outputsOf } from './outputs.ts';
import { settled } from './pair-record.ts';
import type { PairRecord } from './pair-record.ts';
import { step } from './step.ts';
import { ago, aMember, aPrimary, now, records } from './testing/a-member.ts';

const asked = { id: 5, kind: 'read', next: undefined, sentMs: now } as const;
const shows = (state: MemberState, record: PairRecord): MemberState =>
  step(state, { on: 'arbiterAnswered', id: 5, answer: { kind: 'current', seen: { record, version: '101' } } }, now + 10).state;

describe('a record that is not believed', () => {
  test('names a later leader: who led lets nobody in, also when it has read no other since it began', () => {
    const alone = aPrimary({ record: records.degraded, postgres: { names: 'none' }, arbiter: { request: asked } });
    expect(outputsOf(alone).access.to).toBe('open');
    const invalid = { kind: 'invalid', why: 'test' } as const;
    const after = (successor: 'a' | 'b' | undefined, state = alone): MemberState =>
      step(state, { on: 'arbiterAnswered', id: 5, answer: successor === undefined ? invalid : { ...invalid, successor } }, now + 10).state;
    expect(outputsOf(after(undefined)).access.to).toBe('open');
    expect(outputsOf(after('a')).access.to).toBe('open');
    expect(outputsOf(after('b')).access).toMatchObject({ to: 'closed', why: expect.stringContaining('does not believe') as string });
    const anew = after('b', aPrimary({ record: undefined, arbiter: { request: asked } }));
    expect(leavesDoor(anew)).toBe(false);
    // A person adopts one of both: then the doubt is over.
    const adopted = { ...records.degraded, sequence: 1_000, epoch: 9 };
    const back = shows({ ...after('b'), arbiter: { ...after('b').arbiter, request: asked } }, adopted);
    expect([back.arbiter.frozen, back.arbiter.successor]).toEqual([undefined, undefined]);
  });

  test('shows less than the other member had told before it was asked for', () => {
    const told = { ...asked, heardSequence: records.sync.sequence + 1 };
    const back = shows(aMember({ arbiter: { request: told } }), records.sync);
    expect(back.arbiter.frozen).toContain(`shows ${records.sync.sequence}`);
    const same = shows(aMember({ arbiter: { request: told } }), settled(records.sync));
    expect(same.arbiter.frozen).toBeUndefined();
  });

  test('is no ground for a claim while the other member doubted it when it was heard last', () => {
    const standing = { ...heartbeatStanding(aPrimary()), frozen: true };
    const silent = { heartbeat: { standing }, peerView: { heardMs: ago(5_000) }, canaries: { remote: { okMs: ago(5_000) } } };
    const state = aMember(silent);
    expect(decideClaim(state)).toMatchObject({ do: 'hold', why: expect.stringContaining('did not believe the record') as string });
    expect(factsOf(state).stuck).toContain('did not believe the record');
    expect(decideClaim(aMember({ ...silent, heartbeat: {} })).do).toBe('claim');
  });
});

test('a standby that is waited for again leaves its mark in the record before it does anything else', () => {
  const admitted = shows(aMember({ record: records.solo, arbiter: { request: asked } }), records.sync);
  expect(admitted.arbiter.settled).toBe(false);
  expect(admitted.arbiter.request).toMatchObject({ kind: 'settle', next: { sequence: records.sync.sequence + 1 } });
  const leader = shows(aPrimary({ record: records.solo, arbiter: { request: asked } }), records.sync);
  expect(leader.arbiter.settled).toBe(true);
});
