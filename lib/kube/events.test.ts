import { expect, test } from 'vitest';
import { silentLog } from '#lib/base/log.ts';
import type { PatchBody } from './client.ts';
import { statusError } from './errors.ts';
import { EventRecorder, seriesMs } from './events.ts';
import type { Happening, KubeEvent } from './events.ts';
import { defineResource } from './objects.ts';
import type { KubeObject, ObjectKey, ResourceType } from './objects.ts';
import { aThing } from './testing/objects.ts';
import type { Thing } from './testing/objects.ts';
import { settle, SimulatedClock } from './testing/simulated-clock.ts';

const things = defineResource<Thing>({ apiVersion: 'test/v1', kind: 'Thing', plural: 'things', namespaced: true });
const label = { verb: 'patch', resource: 'events', target: '', confidential: false };
const happening: Happening = { type: 'Normal', reason: 'Promoted', action: 'Promote', note: 'b leads now' };

function rig(fail: (verb: string) => Error | undefined = () => undefined): {
  readonly clock: SimulatedClock;
  readonly recorder: EventRecorder;
  readonly created: KubeEvent[];
  readonly patched: { readonly key: ObjectKey; readonly body: unknown }[];
  readonly dropped: () => number;
} {
  const clock = new SimulatedClock();
  const created: KubeEvent[] = [];
  const patched: { readonly key: ObjectKey; readonly body: unknown }[] = [];
  let dropped = 0;
  const client = {
    create: async <T extends KubeObject>(_type: ResourceType<T>, object: T, signal: AbortSignal): Promise<T> => {
      await clock.sleep(1, signal);
      const error = fail('create');
      if (error !== undefined) throw error;
      created.push(object as KubeObject as KubeEvent);
      return object;
    },
    patch: async <T extends KubeObject>(_type: ResourceType<T>, key: ObjectKey, patch: PatchBody): Promise<T> => {
      const error = fail('patch');
      if (error !== undefined) throw error;
      patched.push({ key, body: patch.type === 'merge' ? patch.body : patch.operations });
      return aThing(key.name) as KubeObject as T;
    },
  };
  const options = { reportingController: 'hallkeeper.dev/test', reportingInstance: 'here' };
  const recorder = new EventRecorder(options, { client, clock, log: silentLog, dropped: () => void (dropped += 1) });
  return { clock, recorder, created, patched, dropped: () => dropped };
}

test('an event says what happened to whom', async () => {
  const { clock, recorder, created } = rig();
  recorder.record(things, aThing('a'), happening);
  await clock.advance(10);
  expect(created).toEqual([
    {
      metadata: { name: expect.stringMatching(/^a\.[0-9a-f]+$/) as string, namespace: 'hall' },
      eventTime: '2026-01-02T03:04:05.000000Z',
      reportingController: 'hallkeeper.dev/test',
      reportingInstance: 'here',
      ...happening,
      regarding: { apiVersion: 'test/v1', kind: 'Thing', name: 'a', namespace: 'hall', uid: 'uid-a' },
    },
  ]);
});

test('the same again within six minutes counts up, whatever its note says; later it is new', async () => {
  const { clock, recorder, created, patched } = rig();
  recorder.record(things, aThing('a'), happening);
  await clock.advance(1_000);
  recorder.record(things, aThing('a'), { ...happening, note: 'another text' });
  await clock.advance(seriesMs - 1_000);
  recorder.record(things, aThing('a'), happening);
  await clock.advance(1_000);
  const name = created[0]?.metadata.name;
  expect(patched).toEqual([
    { key: { namespace: 'hall', name }, body: { series: { count: 2, lastObservedTime: '2026-01-02T03:04:06.000000Z' } } },
    { key: { namespace: 'hall', name }, body: { series: { count: 3, lastObservedTime: '2026-01-02T03:10:05.000000Z' } } },
  ]);
  await clock.advance(seriesMs);
  recorder.record(things, aThing('a'), happening);
  recorder.record(things, aThing('b'), happening);
  recorder.record(things, aThing('a'), { ...happening, reason: 'Demoted' });
  await clock.advance(1_000);
  expect(created).toHaveLength(4);
});

test('what happens to one object in one millisecond gets different names, whoever records it and however the clock is set', async () => {
  const { clock, recorder, created } = rig();
  for (const reason of ['Claimed', 'Fenced', 'Promoted']) recorder.record(things, aThing('a'), { ...happening, reason });
  await clock.advance(1_000);
  const names = created.map(({ metadata }) => metadata.name);
  // Another recorder of the process, on a clock that was set back.
  const other = rig();
  other.recorder.record(things, aThing('a'), happening);
  await other.clock.advance(1_000);
  names.push(other.created[0]?.metadata.name ?? '');
  expect(new Set(names).size).toBe(4);
  expect(names).toEqual(names.toSorted());
});

test('a name that another process has used is given up for the next', async () => {
  const taken = statusError(label, 409, { code: 409, reason: 'AlreadyExists' });
  let refusals = 1;
  const { clock, recorder, created, dropped } = rig((verb) => (verb === 'create' && (refusals -= 1) >= 0 ? taken : undefined));
  recorder.record(things, aThing('a'), happening);
  await clock.advance(1_000);
  expect([created.length, dropped()]).toEqual([1, 0]);
  // A second refusal is no accident any more.
  refusals = 2;
  recorder.record(things, aThing('b'), happening);
  await clock.advance(1_000);
  expect([created.length, dropped()]).toEqual([1, 1]);
});

test('an event that the server has removed is made anew', async () => {
  let gone = false;
  const { clock, recorder, created } = rig((verb) =>
    gone && verb === 'patch' ? statusError(label, 404, { code: 404, reason: 'NotFound' }) : undefined,
  );
  recorder.record(things, aThing('a'), happening);
  await clock.advance(1_000);
  gone = true;
  recorder.record(things, aThing('a'), happening);
  await clock.advance(1_000);
  expect(created).toHaveLength(2);
});

test('recording never fails: what cannot be sent is dropped and counted', async () => {
  const { clock, recorder, created, dropped } = rig(() => new Error('refused'));
  for (let count = 0; count < 1_005; count += 1) recorder.record(things, aThing(`a${count}`), happening);
  // One is under way, a thousand wait, the rest found the queue full.
  expect(dropped()).toBe(4);
  await clock.advance(2_000);
  expect([created.length, dropped()]).toEqual([0, 1_005]);
});

test('stopping sends what waits, for a bounded time', async () => {
  const { clock, recorder, created, dropped } = rig();
  for (let count = 0; count < 5; count += 1) recorder.record(things, aThing(`a${count}`), happening);
  const stopped = recorder.stop();
  await clock.advance(100);
  await stopped;
  expect([created.length, dropped(), clock.sleeping]).toEqual([5, 0, 0]);
  recorder.record(things, aThing('late'), happening);
  await settle();
  expect(dropped()).toBe(1);
});

test('a stop does not wait for a server that is away', async () => {
  const { clock, recorder, dropped } = rig();
  const hung = new EventRecorder(
    { reportingController: 'c', reportingInstance: 'i' },
    {
      client: { create: (_t, _o, signal) => clock.sleep(1e9, signal).then(() => _o), patch: () => Promise.reject(new Error('none')) },
      clock,
      log: silentLog,
    },
  );
  hung.record(things, aThing('a'), happening);
  hung.record(things, aThing('b'), happening);
  const stopped = hung.stop();
  await clock.advance(3_000);
  await stopped;
  await recorder.stop();
  expect([dropped(), clock.sleeping]).toEqual([0, 0]);
});

test('a long name is cut to one that is a name', async () => {
  const { clock, recorder, created } = rig();
  recorder.record(things, aThing(`${'x'.repeat(229)}-.${'y'.repeat(20)}`), happening);
  await clock.advance(10);
  expect(created[0]?.metadata.name).toMatch(/^x{229}\.[0-9a-f]+$/);
});

test('long texts are cut, between characters', async () => {
  const { clock, recorder, created } = rig();
  recorder.record(things, aThing('a', { namespace: undefined as never }), {
    ...happening,
    note: `${'x'.repeat(1_022)}€€`,
    reason: 'R'.repeat(200),
  });
  await clock.advance(10);
  expect(created[0]?.note).toBe('x'.repeat(1_022));
  expect(created[0]?.reason).toHaveLength(128);
  expect(created[0]?.metadata.namespace).toBe('default');
});
