import { afterAll, beforeAll, expect, test } from 'vitest';
import type { DrillSchedule } from '#lib/api/drillschedule.gen.ts';
import { kubeEvents } from '#lib/kube/events.ts';
import { namespace } from '#test/api/api-server.ts';
import { aDrillSchedule } from '#test/api/builders.ts';
import { eventually } from '#test/cluster/eventually.ts';
import { pairRoom } from '../pair/pair-room.ts';
import { drillSchedules, pairOperations } from '../resources.ts';
import { anySignal } from '../testing/cluster.ts';
import type { OperatorCluster } from '../testing/cluster.ts';
import { conditionOf, isReady, writeRecord } from '../testing/pairs.ts';
import { aMemberStatus } from '../testing/stand-in-member.ts';
import type { StandInMember } from '../testing/stand-in-member.ts';
import { StandInPair } from '../testing/stand-in-pair.ts';
import { drillRoom } from './drill-room.ts';

/** A schedule that is due every minute, on a real clock, a real API server and two members whose answers the tests choose. */
let standIn: StandInPair;
let cluster: OperatorCluster;
let a: StandInMember;
let b: StandInMember;
const signal = anySignal();
const key = { namespace, name: 'often' };
/** A run is at most a minute away; the rest is for a busy machine. */
const patience = { maxMs: 180_000, everyMs: 200 };

beforeAll(async () => {
  standIn = await StandInPair.start({ rooms: [pairRoom, drillRoom], name: 'duo' });
  ({ cluster } = standIn);
  await standIn.until('the pair is ready', isReady);
  a = await standIn.answerFor('a');
  b = await standIn.answerFor('b');
  a.status = aMemberStatus({ ...a.status, facts: {}, role: 'primary', serving: true, step: 'leading alone' });
  await writeRecord(cluster, { namespace, pair: 'duo', member: 'a' }, { mode: 'Solo', primary: 'a', epoch: 1 });
}, 240_000);

afterAll(() => standIn?.[Symbol.asyncDispose]());

const schedule = (what: string, holds: (schedule: DrillSchedule) => boolean): Promise<DrillSchedule> =>
  eventually(
    what,
    async () => {
      const found = await cluster.admin.get(drillSchedules, key, signal);
      if (!holds(found)) throw new Error(JSON.stringify(found.status));
      return found;
    },
    patience,
  );
const runs = async (): Promise<readonly string[]> =>
  (await cluster.admin.list(pairOperations, { namespace }, signal)).items.map(({ metadata }) => metadata.name);

test('what is due while a failover could lose something is skipped, with condition and event, and asks nobody', async () => {
  const { metadata, ...manifest } = aDrillSchedule({ name: 'often', spec: { pairRef: { name: 'duo' }, schedule: '* * * * *' } });
  await cluster.admin.create(drillSchedules, { ...manifest, metadata: { ...metadata, namespace } } as unknown as DrillSchedule, signal);
  const ready = await schedule('the next run is known', ({ status }) => status?.nextRun !== undefined);
  expect(conditionOf(ready, 'Ready')).toMatchObject({ status: 'True', reason: 'Scheduled' });
  expect(conditionOf(ready, 'LastRunSucceeded')).toMatchObject({ status: 'Unknown', reason: 'NeverDue' });
  const skipped = await schedule('it is skipped', ({ status }) => status?.lastResult === 'Skipped');
  expect(conditionOf(skipped, 'LastRunSucceeded')).toMatchObject({ status: 'False', reason: 'Skipped' });
  expect(conditionOf(skipped, 'LastRunSucceeded')?.message).toMatch(/a failover could lose something or not happen, \w+: /);
  expect(await runs()).toEqual([]);
  const told = await eventually(
    'the event',
    async () => (await cluster.admin.list(kubeEvents, { namespace }, signal)).items.find(({ reason }) => reason === 'DrillSkipped'),
    patience,
  );
  expect(told).toMatchObject({ type: 'Warning', regarding: { kind: 'DrillSchedule', name: 'often' } });
  const metrics = await (await fetch(`${standIn.operator.url}/metrics`)).text();
  const about = `hall="",pair="duo",schedule="often",resource_namespace="${namespace}"`;
  expect(metrics).toContain(`hallkeeper_drill_last_result{${about},result="Skipped"} 1`);
  expect(metrics).toContain(`hallkeeper_drill_next_run_timestamp_seconds{${about}} `);
}, 240_000);

test('a run is a PairOperation of the schedule with its deadline, and its report becomes the result', async () => {
  await writeRecord(cluster, { namespace, pair: 'duo', member: 'a' }, { mode: 'Sync' });
  const running = await schedule('a drill runs', ({ status }) => status?.lastResult === 'Running');
  const { lastRun = '', lastOperation = '', consideredUntil } = running.status ?? {};
  expect(consideredUntil).toBe(lastRun);
  const operation = await cluster.admin.get(pairOperations, { namespace, name: lastOperation }, signal);
  expect(operation).toMatchObject({
    metadata: { ownerReferences: [{ kind: 'DrillSchedule', name: 'often', controller: true }] },
    spec: { type: 'KillPrimary', pairRef: { name: 'duo' } },
  });
  expect(Date.parse(operation.spec.notAfter) - Date.parse(lastRun)).toBe(600_000);
  await eventually('the primary is asked', () => a.asked.length > 0, patience);
  expect(a.asked[0]).toEqual({ what: 'kill', id: operation.metadata.uid, epoch: 1 });
  await writeRecord(cluster, { namespace, pair: 'duo', member: 'b' }, { mode: 'Claim', primary: 'b', epoch: 2 });
  await writeRecord(cluster, { namespace, pair: 'duo', member: 'b' }, { mode: 'Solo' });
  const now = new Date().toISOString();
  const report = {
    epoch: 2,
    reason: 'processDeath',
    why: 'it died',
    from: 'a',
    to: 'b',
    startedAt: now,
    completedAt: now,
    phasesMs: { detect: 1, decide: 2, fence: 3, promote: 4, open: 5 },
    outageMs: 123,
    positionAtClaim: '0/3000060',
  };
  a.status = aMemberStatus({ ...a.status, facts: {}, role: 'standby', step: 'rejoin' });
  b.status = aMemberStatus({ ...b.status, facts: {}, role: 'primary', serving: true, failovers: [report] });
  const done = await schedule(
    'the drill went well',
    ({ status }) => status?.lastOperation === lastOperation && status.lastResult !== 'Running',
  );
  // The next minute may have come and been skipped meanwhile, because the pair leads alone: the outage stays.
  expect(['Succeeded', 'Skipped']).toContain(done.status?.lastResult);
  expect(done.status?.lastWriteOutageMs).toBe(123);
  expect((await runs()).filter((name) => name === lastOperation)).toEqual([lastOperation]);
}, 400_000);

test('suspended nothing more is run', async () => {
  await cluster.admin.patch(drillSchedules, key, { type: 'merge', body: { spec: { suspend: true } } }, signal);
  const suspended = await schedule('it is suspended', (each) => conditionOf(each, 'Ready')?.reason === 'Suspended');
  expect(suspended.status?.nextRun).toBeUndefined();
  const table = await cluster.server.kubectl('get', 'drills');
  expect(table).toMatch(/often +duo +KillPrimary +\* \* \* \* \* +true/);
}, 240_000);
