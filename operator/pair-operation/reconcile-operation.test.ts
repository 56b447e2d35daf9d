import { expect, test } from 'vitest';
import type { PairOperationStatus } from '#lib/api/pairoperation.gen.ts';
import { silentLog } from '#lib/base/log.ts';
import { SimulatedClock } from '#lib/kube/testing/simulated-clock.ts';
import { aStoredPair, aStoredRecord } from '#test/api/stored-pair.ts';
import { Observations } from '../pair/observations.ts';
import type { PairPorts } from '../pair/pair-ports.ts';
import { FilledCaches } from '../testing/stores.ts';
import { aMemberStatus } from '../testing/stand-in-member.ts';
import { reconcileOperation } from './reconcile-operation.ts';

const pair = aStoredPair();

function started(clock: SimulatedClock) {
  const filled = new FilledCaches();
  const observations = new Observations();
  const statuses: PairOperationStatus[] = [];
  const events: string[] = [];
  const asked: object[] = [];
  filled.pairs.see(pair);
  filled.pairRecords.see(aStoredRecord());
  filled.pairOperations.see({
    apiVersion: 'hallkeeper.dev/v1alpha1',
    kind: 'PairOperation',
    metadata: { ...pair.metadata, name: 'op', uid: 'op-uid' },
    spec: {
      pairRef: { name: 'pair-7' },
      type: 'Switchover',
      member: 'b',
      notAfter: new Date(clock.wallMs() + 10_000).toISOString(),
      reason: 'r',
      ttlAfterFinished: '1h',
    },
  });
  const ports = {
    client: {
      apply: (_type: unknown, { status }: { readonly status: PairOperationStatus }) => Promise.resolve(statuses.push(status)),
    },
    caches: filled.caches,
    clock,
    observations,
    log: silentLog,
    certificates: { forPair: () => Promise.resolve({}) },
    members: {
      ask: ({ member }: { readonly member: string }, what: string, request: object) =>
        Promise.resolve(void asked.push({ member, what, ...request })),
    },
    events: { record: (_type: unknown, _about: unknown, { reason }: { readonly reason: string }) => events.push(reason) },
  };
  const reconcile = reconcileOperation(ports as unknown as PairPorts);
  const look = () => reconcile({ namespace: 'hall-7', name: 'op' }, { signal: new AbortController().signal, log: silentLog });
  return { look, observations, statuses, events, asked };
}

test('a new leader waits for the members’ first answers, and then begins', async () => {
  const { look, observations, statuses } = started(new SimulatedClock());
  observations.answered(pair.metadata.uid, 'a', aMemberStatus());
  expect(await look()).toEqual({ requeueAfterMs: 1_000 });
  expect(statuses.at(-1)?.conditions).toMatchObject([{ reason: 'Waiting', message: 'not asked yet: b' }, { reason: 'NotFailed' }]);
  observations.answered(pair.metadata.uid, 'b', aMemberStatus({ member: 'b' }));
  await look();
  expect(statuses.at(-1)?.startedAt).toBeDefined();
});

test('its steps are listed one after the other, each with its time, and the start and the end are events', async () => {
  const clock = new SimulatedClock();
  const { look, observations, statuses, events, asked } = started(clock);
  const uid = pair.metadata.uid;
  observations.answered(uid, 'a', aMemberStatus());
  observations.answered(uid, 'b', aMemberStatus({ member: 'b' }));
  await look();
  await clock.advance(2_000);
  await look();
  expect(asked).toEqual([{ member: 'a', what: 'switchover', id: 'op-uid', epoch: 3 }]);
  await clock.advance(2_000);
  observations.answered(uid, 'a', aMemberStatus({ operations: [{ id: 'op-uid', what: 'switchover', state: 'running', why: 'x' }] }));
  await look();
  await clock.advance(2_000);
  observations.answered(uid, 'a', aMemberStatus({ operations: [{ id: 'op-uid', what: 'switchover', state: 'failed', why: 'no claim' }] }));
  await look();
  const at = (ms: number): string => new Date(ms).toISOString().replace('.000', '');
  const t0 = clock.wallMs() - 6_000;
  expect(statuses.at(-1)?.steps).toEqual([
    { name: 'Begin', startedAt: at(t0), completedAt: at(t0 + 2_000), message: 'from a in epoch 3' },
    { name: 'Ask', startedAt: at(t0 + 2_000), completedAt: at(t0 + 4_000), message: 'asking a' },
    { name: 'TakeOver', startedAt: at(t0 + 4_000), completedAt: at(t0 + 6_000), message: 'the primary says: x' },
    { name: 'End', startedAt: at(t0 + 6_000), completedAt: at(t0 + 6_000), message: 'no claim' },
  ]);
  expect(events).toEqual(['Started', 'Aborted']);
});

test('an end is told once, with the time that it had, however late the cache shows it', async () => {
  const clock = new SimulatedClock();
  const { look, statuses, events } = started(clock);
  await clock.advance(11_000);
  for (let count = 0; count < 3; count += 1) {
    await look();
    await clock.advance(5_000);
  }
  expect(statuses).toHaveLength(1);
  expect(statuses[0]?.conditions).toMatchObject([{ reason: 'NotDone' }, { reason: 'Expired' }]);
  expect(events).toEqual(['Expired']);
});
