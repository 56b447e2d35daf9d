import { describe, expect, test } from 'vitest';
import { admissionProvenMs, admissionRetry, entered, lost, mayAdmit } from './admission.ts';
import { decideOperation } from './decide-operation.ts';
import { defaultLimits } from './limits.ts';
import type { AdmissionView, MemberState, RunningRequest, TakeoverReason } from './member-state.ts';
import { admit, claim, degrade } from './pair-record.ts';
import type { PairRecord } from './pair-record.ts';
import { step } from './step.ts';
import { aMember, aPrimary, downPostgres, now, records } from './testing/a-member.ts';

const fresh: AdmissionView = { losses: 0, sinceMs: undefined, notBeforeMs: 0 };
const pauseOf = (view: AdmissionView, at: number): number => view.notBeforeMs - at;

describe('the pause before a lost standby is waited for again', () => {
  test('is nothing after the first loss, and doubles up to its bound', () => {
    const pauses: number[] = [];
    let view = fresh;
    for (let loss = 0; loss < 8; loss += 1) {
      view = lost(entered(view, now), now + 100);
      pauses.push(pauseOf(view, now + 100));
    }
    const { firstMs, maxMs } = admissionRetry;
    expect(pauses).toEqual([0, firstMs, 2 * firstMs, 4 * firstMs, 8 * firstMs, 16 * firstMs, maxMs, maxMs]);
  });

  test('begins anew when the standby was good for long, and not before', () => {
    const flapped = lost(lost(fresh, now), now);
    const soon = lost(entered(flapped, now), now + admissionProvenMs - 1);
    const late = lost(entered(flapped, now), now + admissionProvenMs);
    expect([soon.losses, late.losses, pauseOf(late, now + admissionProvenMs)]).toEqual([3, 1, 0]);
  });
});

describe('the leader', () => {
  const solo = (admission: Partial<AdmissionView>): MemberState =>
    aPrimary({ record: records.solo, postgres: { names: 'none' }, admission: { ...fresh, ...admission } });

  test('does not admit before the pause is over', () => {
    const waiting = solo({ losses: 3, notBeforeMs: now + 1 });
    expect(decideOperation(waiting)).toMatchObject({ do: 'none', why: expect.stringContaining('again and again') as string });
    expect(mayAdmit(waiting)).toBe(false);
    expect(decideOperation(solo({ losses: 3, notBeforeMs: now }))).toMatchObject({ do: 'run', what: { do: 'admit' } });
  });

  test('does not admit a standby that is shown streaming, lags and stands still, and does once it moves or has everything', () => {
    const stillMs = defaultLimits.canaryStaleAfterMs;
    const shown = (peerFlush: bigint, movedMs: number): MemberState =>
      aPrimary({
        record: records.solo,
        postgres: { names: 'none', flush: 5_000n, peerFlush },
        peerFlushMovedMs: movedMs,
        admission: fresh,
      });
    expect(decideOperation(shown(4_000n, now - stillMs))).toMatchObject({ do: 'none' });
    expect(decideOperation(shown(4_000n, now - stillMs + 1))).toMatchObject({ do: 'run', what: { do: 'admit' } });
    expect(decideOperation(shown(5_000n, now - stillMs))).toMatchObject({ do: 'run', what: { do: 'admit' } });
  });

  test('does not admit a standby whose server is being stopped or started: its copy may be about to go', () => {
    for (const postgres of ['starting', 'stopped', 'dead'] as const) {
      const seen = aPrimary({ record: records.solo, postgres: { names: 'none' }, admission: fresh, heartbeat: { postgres } });
      expect(decideOperation(seen)).toMatchObject({ do: 'none' });
    }
  });

  test('counts an admission that failed as a loss', () => {
    const admitting = {
      ...solo({ losses: 1 }),
      operation: { id: 7, what: { do: 'admit' }, sinceMs: 0, aborted: false, under: 'solo a 1' },
    } as const;
    const { state } = step(
      admitting,
      { on: 'operationEnded', id: 7, outcome: { ok: false, why: 'the stream ended' }, postgres: admitting.postgres },
      now + 20,
    );
    expect(state.admission).toEqual({ losses: 2, sinceMs: undefined, notBeforeMs: now + 20 + admissionRetry.firstMs });
  });

  test('counts from the record when the standby is waited for and when it was lost', () => {
    const arbiter = { ...solo({ losses: 1 }).arbiter, request: { id: 9, kind: 'swap', next: undefined, sentMs: now } } as const;
    const by = { author: 'a', reason: 'test' };
    const sync = admit(records.solo, by);
    const after = (state: MemberState, record: typeof sync, at: number): MemberState =>
      step(
        { ...state, arbiter: { ...state.arbiter, request: arbiter.request } },
        { on: 'arbiterAnswered', id: 9, answer: { kind: 'won', seen: { record, version: '2' } } },
        at,
      ).state;
    const waited = after({ ...solo({ losses: 1 }), admitted: true, postgres: { ...solo({}).postgres, names: 'peer' } }, sync, now + 20);
    expect(waited.admission).toMatchObject({ losses: 1, sinceMs: now + 20 });
    const alone = after(waited, degrade(sync, by), now + 40);
    expect(alone.admission).toEqual({ losses: 2, sinceMs: undefined, notBeforeMs: now + 40 + admissionRetry.firstMs });
  });
});

describe('a change of the lead', () => {
  const waitedFor: AdmissionView = { losses: 2, sinceMs: now - 1_000, notBeforeMs: now - 2_000 };
  const by = { author: 'b', reason: 'test' };
  const claimed = claim(records.sync, by);
  const sees = (state: MemberState, record: PairRecord, request?: Partial<RunningRequest>): MemberState => {
    const asked = { id: 9, kind: 'read', next: undefined, sentMs: now, ...request } as const;
    const kind = request === undefined ? 'current' : 'won';
    const asking = { ...state, admission: waitedFor, arbiter: { ...state.arbiter, request: asked } };
    return step(asking, { on: 'arbiterAnswered', id: 9, answer: { kind, seen: { record, version: '2' } } }, now + 10).state;
  };
  const claims = (reason: TakeoverReason): Partial<RunningRequest> => ({
    kind: 'swap',
    next: claimed,
    claimed: { reason, lastGoodMs: now },
  });

  test.each([
    { who: 'a claimant that heard nothing', state: sees(aMember(), claimed, claims('silence')), losses: 3 },
    { who: 'a claimant that saw a disk hang', state: sees(aMember(), claimed, claims('diskStall')), losses: 3 },
    { who: 'a claimant that saw a death', state: sees(aMember(), claimed, claims('processDeath')), losses: 2 },
    { who: 'a claimant that was handed the lead', state: sees(aMember(), claimed, claims('switchover')), losses: 2 },
    { who: 'a deposed primary that lived', state: sees(aPrimary(), claimed), losses: 3 },
    { who: 'a deposed primary that had died', state: sees(aPrimary({ postgres: downPostgres }), claimed), losses: 2 },
    {
      who: 'a deposed primary that handed over',
      state: sees(aPrimary({ handover: { id: 'x', stage: 'waiting', sinceMs: now } }), claimed),
      losses: 2,
    },
    { who: 'a standby that the leader lost', state: sees(aMember(), records.degraded), losses: 3 },
  ])('$who has counted $losses losses', ({ state, losses }) => {
    expect(state.admission.losses).toBe(losses);
    expect(state.admission.notBeforeMs > now + 10).toBe(losses === 3);
  });
});
