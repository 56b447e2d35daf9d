import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { FailoverPair } from '#lib/api/failoverpair.gen.ts';
import type { PairRecord } from '#lib/api/pairrecord.gen.ts';
import { messageOf } from '#lib/base/errors.ts';
import type { Manifest } from '#test/api/api-server.ts';
import { aPair } from '#test/api/builders.ts';
import { startHallctl } from '#test/api/hallctl.ts';
import type { HallctlEnd } from '#test/api/hallctl.ts';
import { loseRecord } from '#test/api/lose-record.ts';
import { renewLease } from '#test/api/operator-lease.ts';
import { eventually } from '#test/cluster/eventually.ts';
import type { PairStand } from '#test/pair/pair-stand.ts';
import { startServedPair } from '#test/pair/served-pair.ts';
import type { ServedPair } from '#test/pair/served-pair.ts';
import { acknowledgedAgain, inStep, lostOf, other, waits } from '#test/pair/watch-pair.ts';
import type { Writer } from '#test/pair/writer.ts';
import { recordFrame } from '../contract.ts';
import { aPairView } from '../testing/views.ts';
import { decideConditions } from './decide-conditions.ts';
import { decideStatus } from './decide-status.ts';
import { Observations } from './observations.ts';

/** A real pair whose record is lost, and hallctl as a person starts it. The test looks at the members and writes the status as the operator does. */
let served: ServedPair;
let stand: PairStand;
let writer: Writer;
let pair: FailoverPair;
let looking: Promise<void>;
const stop = new AbortController();
const key = ['PairRecord', 'pair-7'] as const;
const both = ['a', 'b'] as const;

beforeAll(async () => {
  served = await startServedPair();
  ({ stand, writer } = served);
  const members = both.map((name) => ({ name, host: { address: stand.members[name].address } }));
  pair = (await stand.api.create(aPair({ spec: { members } }))).body as unknown as FailoverPair;
  const { labels } = recordFrame(pair);
  await stand.api.kubectl('label', 'pairrecord', 'pair-7', ...Object.entries(labels).map(([name, value]) => `${name}=${value}`));
  await stand.api.kubectl('create', 'namespace', 'hallkeeper-system');
  looking = look();
}, 240_000);

afterAll(async () => {
  stop.abort();
  await looking;
  await served?.[Symbol.asyncDispose]();
}, 60_000);

/** Asks both members and tells what they say, until the test ends. */
async function look(): Promise<void> {
  const observations = new Observations();
  const { uid } = pair.metadata;
  let renewedMs = Number.NEGATIVE_INFINITY;
  while (!stop.signal.aborted) {
    if (performance.now() - renewedMs > 4_000) {
      await renewLease(stand.api);
      renewedMs = performance.now();
    }
    await Promise.all(
      both.map((name) =>
        stand.status(name).then(
          (status) => observations.answered(uid, name, status),
          (error: unknown) => observations.failed(uid, name, messageOf(error)),
        ),
      ),
    );
    const seen = (await stand.api.read('FailoverPair', 'pair-7')).body as unknown as FailoverPair;
    const found = await stand.api.read(...key);
    const record = found.code === 200 ? (found.body as unknown as PairRecord) : undefined;
    const view = aPairView({ pair: seen, record, members: observations.of(uid).members });
    const status = decideStatus(view, decideConditions(view, { refusals: [], authorityProblem: undefined }), Date.now());
    expect(await stand.api.updateStatus({ ...seen, status } as unknown as Manifest)).toMatchObject({ code: 200 });
    await sleep(500);
  }
}

async function hallctl(...args: readonly string[]): Promise<HallctlEnd> {
  return await startHallctl(await stand.api.controlPlane.kubeconfigFile(), args).ended;
}

const frozen = (): Promise<unknown> =>
  eventually(
    'both members say that the record is lost',
    async () => (await Promise.all(both.map(stand.status))).every(({ blockedBy }) => blockedBy === 'RecordLost'),
    waits,
  );

test('explain says of the pair that is well who would take over, as the members do', async () => {
  const { leader } = await inStep(stand);
  await eventually('the status is told', async () => (await hallctl('explain', 'pair-7')).code === 0, waits);
  const { out } = await hallctl('explain', 'pair-7', '--json');
  expect(JSON.parse(out)).toMatchObject({ takesOver: true, lossFree: true, by: other(leader), primary: leader });
});

test('the record is deleted by hand: both keep their roles and writes go on as before, until one is adopted and the pair is whole', async () => {
  const { leader, epoch } = await inStep(stand);
  await loseRecord(stand.api);
  await frozen();
  await acknowledgedAgain(writer);
  const { role, facts } = await stand.status(leader);
  // Nothing was loosened: every commit still waits for the other member.
  expect({ role, waitsFor: facts.waitsFor }).toEqual({ role: 'primary', waitsFor: 'peer' });
  expect(await hallctl('explain', 'pair-7')).toMatchObject({ code: 3, out: expect.stringContaining('hallctl pair adopt') as string });
  const adopted = await hallctl('adopt', 'pair-7', '--primary', leader, '--yes');
  expect(adopted).toMatchObject({ code: 0, out: expect.stringContaining('the pair is in mode Sync again') as string });
  expect(await inStep(stand)).toEqual({ leader, epoch: epoch + 1 });
  await acknowledgedAgain(writer);
});

test('the record is set back by hand: the standby is adopted while the primary lives, and loses nothing', async () => {
  const { leader, epoch } = await inStep(stand);
  const { body } = await stand.api.read(...key);
  const { metadata, spec } = body as unknown as PairRecord;
  const { name, labels } = metadata;
  await loseRecord(stand.api);
  const old = { apiVersion: 'hallkeeper.dev/v1alpha1', kind: 'PairRecord', metadata: { name, labels }, spec: { ...spec, sequence: 1 } };
  expect(await stand.api.create(old as Manifest)).toMatchObject({ code: 201 });
  await frozen();
  const standby = other(leader);
  const adopted = await hallctl('adopt', 'pair-7', '--primary', standby, '--yes', '--json');
  expect([adopted.code, adopted.err]).toEqual([0, expect.stringContaining('the record is written')]);
  expect(JSON.parse(adopted.out)).toMatchObject({ ok: true, primary: standby, synchronous: true, losses: [] });
  expect(await inStep(stand)).toEqual({ leader: standby, epoch: epoch + 1 });
  await acknowledgedAgain(writer);
});

test('the record is lost and then both machines: the ends of both logs are compared, and the one that has everything is adopted', async () => {
  const { leader } = await inStep(stand);
  await loseRecord(stand.api);
  await frozen();
  await Promise.all(both.map((name) => stand.members[name].killMember()));
  await Promise.all(both.map((name) => stand.members[name].startAgent()));
  await eventually(
    'both have looked for the end of their logs',
    async () => (await Promise.all(both.map(stand.status))).every(({ positionExact, serving }) => positionExact && !serving),
    waits,
  );
  const adopted = await hallctl('adopt', 'pair-7', '--primary', leader, '--yes');
  expect(adopted).toMatchObject({ code: 0, err: expect.stringMatching(/The log of . holds that of ./) as string });
  expect((await inStep(stand)).leader).toBe(leader);
  await acknowledgedAgain(writer);
});

test('after all this every acknowledged write is there', async () => {
  expect(await lostOf(stand, writer)).toEqual([]);
  expect(writer.acknowledged.length).toBeGreaterThan(100);
});
