import { expect, test } from 'vitest';
import type { DrillScheduleStatus } from '#lib/api/drillschedule.gen.ts';
import type { PairOperation } from '#lib/api/pairoperation.gen.ts';
import { silentLog } from '#lib/base/log.ts';
import type { KubeObject } from '#lib/kube/objects.ts';
import { KubeError } from '#lib/kube/errors.ts';
import { SimulatedClock } from '#lib/kube/testing/simulated-clock.ts';
import { FilledCaches } from '../testing/stores.ts';
import { reconcileDrill } from './reconcile-drill.ts';
import type { DrillPorts } from './reconcile-drill.ts';
import { aPairThatIs, aRun, aStoredDrill } from './testing/drills.ts';

const exists = { status: 409, reason: 'AlreadyExists', causes: [], verb: 'create', resource: 'pairoperations' };
const key = { namespace: 'hall-7', name: 'weekly' };

/** A schedule that is due every hour, with a server that keeps what is written to it. */
function started() {
  const clock = new SimulatedClock();
  const filled = new FilledCaches();
  const { drillSchedules, pairOperations } = filled;
  const made: PairOperation[] = [];
  const deleted: string[] = [];
  const events: string[] = [];
  let status: DrillScheduleStatus = {};
  const show = (spec: Parameters<typeof aStoredDrill>[0] = {}): void =>
    drillSchedules.see({ ...aStoredDrill({ schedule: '0 * * * *', ...spec }), status });
  filled.pairs.see(aPairThatIs('True', 'StandbyStreaming'));
  show();
  const client = {
    apply: (_type: unknown, body: { readonly status: DrillScheduleStatus }) => Promise.resolve(void ({ status } = body)),
    create: (_type: unknown, operation: PairOperation) => {
      if (made.some(({ metadata }) => metadata.name === operation.metadata.name))
        return Promise.reject(new KubeError('HK_KUBE_EXISTS', exists, operation.metadata.name));
      made.push({ ...operation, metadata: { ...operation.metadata, uid: `uid-${made.length}` } });
      return Promise.resolve(operation);
    },
    get: (_type: unknown, { name }: { readonly name: string }) => Promise.resolve(made.find(({ metadata }) => metadata.name === name)),
    delete: (_type: unknown, { name }: { readonly name: string }) => Promise.resolve(void deleted.push(name)),
  };
  const ports = {
    client,
    clock,
    caches: filled.caches,
    events: { record: (_type: unknown, _about: KubeObject, { reason }: { readonly reason: string }) => events.push(reason) },
  } as unknown as DrillPorts;
  const reconcile = reconcileDrill(ports);
  const run = () => ({ signal: new AbortController().signal, log: silentLog });
  const look = () => reconcile(key, run());
  const restarted = () => {
    const anew = reconcileDrill(ports);
    return () => anew(key, run());
  };
  return { clock, restarted, look, show, made, deleted, events, pairOperations, status: () => status };
}

/** Looks, and has the cache show what was written. */
async function lookAt({ look, show }: ReturnType<typeof started>): Promise<number> {
  const again = await look();
  show();
  return again?.requeueAfterMs ?? 0;
}

test('from hour to hour: asked when it is due, followed to its end, each told once', async () => {
  const stand = started();
  const { clock, made, events, pairOperations, status } = stand;
  await lookAt(stand);
  expect(status()).toMatchObject({ observedGeneration: 2 });
  expect(status().nextRun).toBeDefined();
  for (let waited = 0; made.length === 0 && waited < 30; waited += 1) await clock.advance(await lookAt(stand));
  await lookAt(stand);
  expect(made).toHaveLength(1);
  const [run] = made;
  expect(run).toMatchObject({
    metadata: {
      labels: { 'hallkeeper.dev/drill-schedule': 'weekly' },
      ownerReferences: [{ kind: 'DrillSchedule', name: 'weekly', controller: true }],
    },
    spec: { pairRef: { name: 'pair-7' }, type: 'KillPrimary', ttlAfterFinished: '8760h' },
  });
  expect(Date.parse(run?.spec.notAfter ?? '') - Date.parse(status().lastRun ?? '')).toBe(600_000);
  expect(status()).toMatchObject({ lastResult: 'Running', lastOperation: run?.metadata.name });
  pairOperations.see(aRun(run?.metadata.name ?? '', { type: 'Complete', reason: 'Done', outageMs: 90 }));
  for (let count = 0; count < 3; count += 1) await lookAt(stand);
  expect(status()).toMatchObject({ lastResult: 'Succeeded', lastWriteOutageMs: 90 });
  expect(events).toEqual(['DrillStarted', 'DrillSucceeded']);
});

test('an operator that ended between the two writes makes no second drill', async () => {
  const stand = started();
  const { clock, look, made, show, status } = stand;
  await lookAt(stand);
  await clock.advance(Date.parse(status().nextRun ?? '') - clock.wallMs() + 1_000);
  await look();
  const told = status();
  expect(made).toHaveLength(1);
  // The next leader finds the status as it was before, and the operation not in its cache yet.
  const next = stand.restarted();
  await next();
  show();
  expect(made).toHaveLength(1);
  expect(status()).toEqual(told);
});

test('a name that somebody else has taken is told, and not taken for the drill', async () => {
  const stand = started();
  const { clock, made, look, status } = stand;
  await lookAt(stand);
  const dueMs = Date.parse(status().nextRun ?? '');
  const name = `weekly-${new Date(dueMs).toISOString().slice(0, 16).replaceAll(/\D/g, '')}`;
  const { ownerReferences: _none, ...metadata } = aRun(name).metadata;
  made.push({ ...aRun(name), metadata });
  await clock.advance(dueMs - clock.wallMs() + 1_000);
  await expect(look()).rejects.toMatchObject({ code: 'HK_OWNED_BY_OTHER' });
  expect(status().conditions?.[0]).toMatchObject({ type: 'Ready', status: 'False', reason: 'NotApplied' });
});

test('finished runs beyond the limit are deleted', async () => {
  const stand = started();
  for (const name of ['weekly-1', 'weekly-2', 'weekly-3', 'weekly-4'])
    stand.pairOperations.see(aRun(name, { type: 'Complete', reason: 'Done' }));
  await lookAt(stand);
  expect(stand.deleted).toEqual(['weekly-1']);
});
