import { describe, expect, test } from 'vitest';
import { claimExpectedMs, checkpointMaxMs, decideSwitchover, stopMaxMs } from './decide-switchover.ts';
import type { AskEnd, MemberEffect } from './events.ts';
import { decideOperation } from './decide-operation.ts';
import type { Handover, MemberState } from './member-state.ts';
import { heartbeatOf, outputsOf } from './outputs.ts';
import { step } from './step.ts';
import { aMember, aPrimary, ago, downPostgres, now, records } from './testing/a-member.ts';
import type { MemberWish } from './testing/a-member.ts';

const handover = (stage: Handover['stage'], ms = 0): Handover => ({ id: 'x', stage, sinceMs: ago(ms) });

interface Row {
  readonly behaviour: string;
  readonly seen: MemberWish;
  /** The stage it is in afterwards, or how it ended. */
  readonly stage?: Handover['stage'];
  readonly ended?: { readonly as: AskEnd; readonly why: string };
}

const rows: readonly Row[] = [
  { behaviour: 'the checkpoint may take its time', seen: { handover: handover('checkpointing', checkpointMaxMs) }, stage: 'checkpointing' },
  {
    behaviour: 'but not for ever',
    seen: { handover: handover('checkpointing', checkpointMaxMs + 1) },
    ended: { as: 'failed', why: 'the checkpoint took longer' },
  },
  {
    behaviour: 'the standby falls silent during the checkpoint: nothing is stopped',
    seen: { handover: handover('checkpointing'), peerView: { heardMs: ago(300) } },
    ended: { as: 'failed', why: 'the standby was lost during the checkpoint' },
  },
  {
    behaviour: 'its stream ends during the checkpoint',
    seen: { handover: handover('checkpointing'), postgres: { peerAttached: false }, peerDetachedSinceMs: ago(300) },
    ended: { as: 'failed', why: 'the standby was lost during the checkpoint' },
  },
  { behaviour: 'it blinks', seen: { handover: handover('checkpointing'), peerView: { heardMs: ago(299) } }, stage: 'checkpointing' },
  {
    behaviour: 'PostgreSQL dies during the checkpoint',
    seen: { handover: handover('checkpointing'), postgres: downPostgres },
    ended: { as: 'failed', why: 'PostgreSQL ended during the checkpoint' },
  },
  {
    behaviour: 'the standby is not there in the very moment in which PostgreSQL would be stopped',
    seen: { handover: handover('stopping'), postgres: { peerAttached: false } },
    ended: { as: 'failed', why: 'nothing was stopped' },
  },
  {
    behaviour: 'PostgreSQL still stops',
    seen: { handover: handover('stopping', stopMaxMs), operation: { do: 'handOver' } },
    stage: 'stopping',
  },
  {
    behaviour: 'PostgreSQL has stopped: wait for the claim',
    seen: { handover: handover('stopping'), postgres: downPostgres },
    stage: 'waiting',
  },
  {
    behaviour: 'down while the operation is not over: its processes may still live',
    seen: { handover: handover('stopping'), postgres: downPostgres, operation: { do: 'handOver' } },
    stage: 'stopping',
  },
  {
    behaviour: 'it does not stop in time: given up',
    seen: { handover: handover('stopping', stopMaxMs + 1) },
    ended: { as: 'failed', why: 'did not stop' },
  },
  { behaviour: 'the claim is awaited', seen: { handover: handover('waiting', claimExpectedMs), postgres: downPostgres }, stage: 'waiting' },
  {
    behaviour: 'nobody claims: given up, and the primary starts again',
    seen: { handover: handover('waiting', claimExpectedMs + 1), postgres: downPostgres },
    ended: { as: 'failed', why: 'did not claim' },
  },
  {
    behaviour: 'the standby claimed',
    seen: { handover: handover('waiting'), record: records.claimed, postgres: downPostgres },
    ended: { as: 'done', why: 'took over' },
  },
  {
    behaviour: 'the standby was lost on the way',
    seen: { handover: handover('checkpointing'), record: records.degraded },
    ended: { as: 'failed', why: 'not synchronous any more' },
  },
];

describe('a switchover under way', () => {
  for (const { behaviour, seen, stage, ended } of rows) {
    test(behaviour, () => {
      const effects: MemberEffect[] = [];
      const after = decideSwitchover(aPrimary(seen), effects);
      expect(after.handover?.stage).toBe(stage);
      const expected =
        ended === undefined ? [] : [{ do: 'askEnded', id: 'x', as: ended.as, why: expect.stringContaining(ended.why) as string }];
      expect(effects).toEqual(expected);
    });
  }

  test('clients are served during the checkpoint and no longer while PostgreSQL stops', () => {
    expect(outputsOf(aPrimary({ handover: handover('checkpointing') })).access.to).toBe('open');
    expect(outputsOf(aPrimary({ handover: handover('stopping') })).access).toEqual({ to: 'closed', why: 'handing over' });
  });

  test('the peer is asked to claim only when PostgreSQL is down, so that everything has reached it', () => {
    expect(heartbeatOf(aPrimary({ handover: handover('stopping') })).handingOver).toBe(false);
    expect(heartbeatOf(aPrimary({ handover: handover('waiting'), postgres: downPostgres })).handingOver).toBe(true);
  });

  test('while the claim is awaited the primary does not start; given up, it does', () => {
    const waiting = aPrimary({ handover: handover('waiting'), postgres: downPostgres });
    expect(decideOperation(waiting)).toMatchObject({ do: 'none' });
    expect(decideOperation({ ...waiting, handover: undefined })).toMatchObject({ do: 'run', what: { do: 'startPrimary', names: 'peer' } });
  });
});

describe('asking for a switchover', () => {
  const ask = (seen: MemberState): readonly MemberEffect[] => step(seen, { on: 'switchoverAsked', id: 'y' }, now).effects;
  const refusals: readonly (readonly [string, MemberState, string])[] = [
    ['the standby', aMember(), 'only the primary of a pair in mode SYNC'],
    [
      'a sole primary',
      aPrimary({ record: records.solo, postgres: { names: 'none', peerAttached: false } }),
      'only the primary of a pair in mode SYNC',
    ],
    ['a primary without its arbiter', aPrimary({ arbiter: { failures: 1 } }), 'the arbiter is not reached'],
    ['a primary whose standby does not stream', aPrimary({ postgres: { peerAttached: false } }), 'the standby does not stream'],
    ['a primary that hands over already', aPrimary({ handover: handover('checkpointing') }), 'another switchover is under way'],
  ];
  for (const [behaviour, seen, why] of refusals) {
    test(`${behaviour} refuses and says why`, () => {
      expect(ask(seen)).toContainEqual({ do: 'askEnded', id: 'y', as: 'refused', why: expect.stringContaining(why) as string });
    });
  }

  test('every reason is told at once', () => {
    const seen = aPrimary({ record: records.solo, arbiter: { settled: false }, postgres: { peerAttached: false } });
    expect(ask(seen)).toContainEqual(expect.objectContaining({ why: expect.stringMatching(/SYNC.*arbiter.*stream/) as string }));
  });

  test('it begins with a checkpoint, and goes on to the shutdown when that is over', () => {
    const asked = step(aPrimary(), { on: 'switchoverAsked', id: 'y' }, now);
    expect(asked.effects).toMatchObject([{ do: 'operate', what: { do: 'checkpoint' } }]);
    const id = asked.state.operation?.id ?? 0;
    const after = step(asked.state, { on: 'operationEnded', id, outcome: { ok: true }, postgres: asked.state.postgres }, now + 10);
    expect(after.effects).toMatchObject([{ do: 'operate', what: { do: 'handOver' } }]);
    const stopped = { ...asked.state.postgres, ...downPostgres };
    const over = step(
      after.state,
      { on: 'operationEnded', id: after.state.operation?.id ?? 0, outcome: { ok: true }, postgres: stopped },
      now + 20,
    );
    expect(over.state.handover?.stage).toBe('waiting');
    expect(heartbeatOf(over.state).handingOver).toBe(true);
  });
});
