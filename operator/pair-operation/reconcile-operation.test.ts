import { expect, test } from 'vitest';
import type { PairOperation, PairOperationStatus } from '#lib/api/pairoperation.gen.ts';
import { silentLog } from '#lib/base/log.ts';
import { SimulatedClock } from '#lib/kube/testing/simulated-clock.ts';
import { Observations } from '../pair/observations.ts';
import type { PairPorts } from '../pair/pair-ports.ts';
import { FilledCaches, SeenStore } from '../testing/stores.ts';
import { aMemberStatus } from '../testing/stand-in-member.ts';
import { aStoredPair, aStoredRecord } from '../testing/views.ts';
import { reconcileOperation } from './reconcile-operation.ts';

const pair = aStoredPair();

function started(clock: SimulatedClock) {
  const filled = new FilledCaches();
  const pairOperations = new SeenStore<PairOperation>({ pair: () => ['hall-7/pair-7'] });
  const observations = new Observations();
  const statuses: PairOperationStatus[] = [];
  const events: string[] = [];
  filled.pairs.see(pair);
  filled.pairRecords.see(aStoredRecord());
  pairOperations.see({
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
    caches: Object.assign(filled, { pairOperations }),
    clock,
    observations,
    events: { record: (_type: unknown, _about: unknown, { reason }: { readonly reason: string }) => events.push(reason) },
  };
  const reconcile = reconcileOperation(ports as unknown as PairPorts);
  const look = () => reconcile({ namespace: 'hall-7', name: 'op' }, { signal: new AbortController().signal, log: silentLog });
  return { look, observations, statuses, events };
}

test('a new leader waits for the members’ first answers, and then begins', async () => {
  const { look, observations, statuses } = started(new SimulatedClock());
  observations.answered(pair.metadata.uid, 'a', aMemberStatus());
  expect(await look()).toEqual({ requeueAfterMs: 1_000 });
  expect(statuses.at(-1)?.conditions).toMatchObject([{ reason: 'Waiting', message: 'b has not been asked yet' }, { reason: 'NotFailed' }]);
  observations.answered(pair.metadata.uid, 'b', aMemberStatus({ member: 'b' }));
  await look();
  expect(statuses.at(-1)?.startedAt).toBeDefined();
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
