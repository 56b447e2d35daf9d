import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { invariant } from '#lib/base/invariant.ts';
import { silentLog } from '#lib/base/log.ts';
import { seededRandom } from '#lib/base/random.ts';
import { KubeCaches } from './caches.ts';
import type { WatchOptions } from './client.ts';
import { statusError } from './errors.ts';
import { defineResource, keyText } from './objects.ts';
import type { KubeList, KubeObject, ResourceType, WatchEvent } from './objects.ts';
import { Reflector } from './reflector.ts';
import { ListWatchServer } from './testing/list-watch-server.ts';
import { aThing } from './testing/objects.ts';
import type { Thing } from './testing/objects.ts';
import { SimulatedClock } from './testing/simulated-clock.ts';

const things = defineResource<Thing>({ apiVersion: 'test/v1', kind: 'Thing', plural: 'things', namespaced: true });

const name = fc.constantFrom('a', 'b', 'c', 'd', 'e');
const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('write' as const), name, text: fc.string({ maxLength: 2 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('remove' as const), name }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('compact' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('refresh' as const) }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 8_000 }) }) },
);

test('whatever is written, lost, broken and forgotten: in the end the store equals the server, and so does what listeners were told', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer(), fc.array(step, { maxLength: 60, size: 'max' }), async (seed, steps) => {
      const clock = new SimulatedClock();
      const random = seededRandom(seed);
      const server = new ListWatchServer(clock, random);
      server.calm = false;
      const reflector = new Reflector({ type: things, transform: Object.freeze }, { client: server, clock, random, log: silentLog });
      const told = new Map<string, Thing>();
      reflector.listen(({ key, before, after }) => {
        expect(told.has(keyText(key))).toBe(before !== undefined);
        if (after === undefined) told.delete(keyText(key));
        else told.set(keyText(key), after);
      });
      const stop = new AbortController();
      const running = reflector.run(stop.signal);
      const fresh: (() => boolean)[] = [];
      let synced = false;
      for (const next of steps) {
        if (next.do === 'write') server.write(aThing(next.name, { spec: { text: next.text } }));
        else if (next.do === 'remove') server.remove(aThing(next.name));
        else if (next.do === 'compact') server.compact();
        else if (next.do === 'refresh') fresh.push(reflector.refresh());
        else await clock.advance(next.ms);
        // Once synced, always synced: a store is never emptied for a new list.
        expect(reflector.hasSynced || !synced).toBe(true);
        synced = reflector.hasSynced;
      }
      server.calm = true;
      // The longest pause there is, with its jitter, and another when the watch is then told that its version is too old once more.
      await clock.advance(122_000);
      const stored = new Map(reflector.store.list().map((object) => [keyText(object.metadata), object]));
      expect(stored).toEqual(server.objects);
      expect(told).toEqual(server.objects);
      expect(reflector.status().mode).toBe('watching');
      expect(fresh.filter((served) => !served())).toEqual([]);
      stop.abort();
      await running;
      expect(clock.sleeping).toBe(0);
    }),
    { numRuns: 100 },
  );
}, 120_000);

/** A client whose lists answer as told, one after another, and whose watches stay silent. */
function scripted(clock: SimulatedClock, lists: readonly (Error | 'list')[]) {
  const atMs: number[] = [];
  const watches: WatchOptions[] = [];
  return {
    atMs,
    watches,
    list: async <T extends KubeObject>(): Promise<KubeList<T>> => {
      atMs.push(clock.nowMs());
      const next = lists[atMs.length - 1] ?? 'list';
      if (next instanceof Error) throw next;
      return { items: [], resourceVersion: '7' };
    },
    async *watch<T extends KubeObject>(
      _type: ResourceType<T>,
      options: WatchOptions,
      signal: AbortSignal,
    ): AsyncGenerator<WatchEvent<T>, void> {
      watches.push(options);
      await clock.sleep(1e9, signal);
      yield* [];
    },
  };
}

const label = { verb: 'list', resource: 'things', target: '', confidential: false };
const failure = (status: number, retryAfter?: string): Error => statusError(label, status, { code: status }, retryAfter);

async function listTimes(lists: readonly (Error | 'list')[], ms: number): Promise<readonly number[]> {
  const clock = new SimulatedClock();
  const client = scripted(clock, lists);
  const random = { below: () => 0 };
  const reflector = new Reflector({ type: things }, { client, clock, random, log: silentLog });
  const stop = new AbortController();
  const running = reflector.run(stop.signal);
  await clock.advance(ms);
  stop.abort();
  await running;
  expect(clock.sleeping).toBe(0);
  return client.atMs;
}

test('a server whose lists are too old for its watches is listed at once the first time, then ever more slowly', async () => {
  const clock = new SimulatedClock();
  const client = {
    ...scripted(clock, []),
    async *watch<T extends KubeObject>(): AsyncGenerator<WatchEvent<T>, void> {
      await clock.sleep(1);
      yield* [];
      throw failure(410);
    },
  };
  const reflector = new Reflector({ type: things }, { client, clock, random: { below: () => 0 }, log: silentLog });
  const stop = new AbortController();
  const running = reflector.run(stop.signal);
  await clock.advance(100_000);
  const pauses = client.atMs.slice(1).map((atMs, index) => atMs - (client.atMs[index] ?? 0));
  expect(pauses).toEqual([1, 801, 1_601, 3_201, 6_401, 12_801, 25_601, 30_001]);
  stop.abort();
  await running;
});

test('a new list that is asked for does not wait for a silent watch, and is none that had begun before', async () => {
  const clock = new SimulatedClock();
  let answer: ((list: KubeList<Thing>) => void) | undefined;
  let lists = 0;
  const client = {
    ...scripted(clock, []),
    list: <T extends KubeObject>(_type: ResourceType<T>, _options: unknown, signal: AbortSignal): Promise<KubeList<T>> =>
      new Promise((resolve, reject) => {
        lists += 1;
        answer = resolve as (list: KubeList<KubeObject>) => void;
        signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
      }),
  };
  const reflector = new Reflector({ type: things }, { client, clock, random: { below: () => 0 }, log: silentLog });
  const stop = new AbortController();
  const running = reflector.run(stop.signal);
  await clock.advance(10);
  // The first list is answered and a new one asked for in one breath: what was answered is from before.
  answer?.({ items: [aThing('old')], resourceVersion: '7' });
  const early = reflector.refresh();
  await clock.advance(10);
  expect([early(), lists, reflector.status().mode]).toEqual([false, 2, 'empty']);
  answer?.({ items: [aThing('new')], resourceVersion: '8' });
  await clock.advance(10);
  expect([early(), reflector.store.list().map(({ metadata }) => metadata.name), reflector.status().mode]).toEqual([
    true,
    ['new'],
    'watching',
  ]);
  // The watch says nothing, as one does whose server has gone.
  const late = reflector.refresh();
  await clock.advance(10);
  expect([late(), lists, reflector.store.size]).toEqual([false, 3, 1]);
  answer?.({ items: [], resourceVersion: '9' });
  await clock.advance(10);
  expect([late(), reflector.store.size]).toEqual([true, 0]);
  stop.abort();
  await running;
  expect(clock.sleeping).toBe(0);
});

test('failures back off from 800 ms to 30 s', async () => {
  const times = await listTimes(
    Array.from({ length: 8 }, () => failure(503)),
    200_000,
  );
  const pauses = times.slice(1).map((atMs, index) => atMs - (times[index] ?? 0));
  expect(pauses).toEqual([800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000]);
});

test('a permission that is missing for a moment costs a moment, and the server may ask for more patience', async () => {
  expect(await listTimes([failure(403), failure(403)], 100_000)).toEqual([0, 800, 2_400]);
  expect(await listTimes([failure(429, '9')], 100_000)).toEqual([0, 9_000]);
  expect(await listTimes([failure(503, '3600')], 100_000)).toEqual([0, 60_000]);
});

test('two minutes without a failure forget those before', async () => {
  const clock = new SimulatedClock();
  let fail = true;
  const pauses: number[] = [];
  let endedAtMs = 0;
  const client = {
    ...scripted(clock, []),
    async *watch<T extends KubeObject>(
      _type: ResourceType<T>,
      _options: WatchOptions,
      signal: AbortSignal,
    ): AsyncGenerator<WatchEvent<T>, void> {
      pauses.push(clock.nowMs() - endedAtMs);
      try {
        await clock.sleep(fail ? 10 : 121_000, signal);
        yield* [];
        throw failure(500);
      } finally {
        endedAtMs = clock.nowMs();
      }
    },
  };
  const reflector = new Reflector({ type: things }, { client, clock, random: { below: () => 0 }, log: silentLog });
  const stop = new AbortController();
  const running = reflector.run(stop.signal);
  await clock.advance(4_000);
  fail = false;
  await clock.advance(300_000);
  expect(pauses).toEqual([0, 800, 1_600, 3_200, 800, 800]);
  stop.abort();
  await running;
});

test('a watch asks for the listed version, and for five to ten minutes', async () => {
  const clock = new SimulatedClock();
  const client = scripted(clock, []);
  const reflector = new Reflector(
    { type: things, namespace: 'hall', labelSelector: 'x=y' },
    { client, clock, random: seededRandom(5), log: silentLog },
  );
  const stop = new AbortController();
  const running = reflector.run(stop.signal);
  await clock.advance(10);
  const [options] = client.watches;
  expect(options).toMatchObject({ namespace: 'hall', labelSelector: 'x=y', resourceVersion: '7' });
  expect(options?.timeoutSeconds).toBeGreaterThanOrEqual(300);
  expect(options?.timeoutSeconds).toBeLessThanOrEqual(600);
  expect(reflector.status()).toEqual({ mode: 'watching', hasSynced: true, lists: 1, silentMs: 10, failure: undefined });
  stop.abort();
  await running;
});

test('caches that do not fill within two minutes name what is missing and why', async () => {
  const clock = new SimulatedClock();
  const client = scripted(
    clock,
    Array.from({ length: 99 }, () => failure(403)),
  );
  const caches = new KubeCaches({ client, clock, random: { below: () => 0 }, log: silentLog, fatal: () => undefined });
  caches.reflect({ type: things });
  expect(() => caches.reflect({ type: things })).toThrow('test/v1 things');
  caches.reflect({ type: things, namespace: 'hall' });
  const started = caches.start(new AbortController().signal);
  const outcome = started.catch((error: unknown) => error);
  await clock.advance(121_000);
  expect(await outcome).toMatchObject({
    code: 'HK_CACHE_NOT_SYNCED',
    message: expect.stringMatching(/things \(.*permission.*things hall \(/) as string,
  });
  await caches.stop();
  expect(clock.sleeping).toBe(0);
});

test('caches stop before they ever started, and twice', async () => {
  const clock = new SimulatedClock();
  const caches = new KubeCaches({ client: scripted(clock, []), clock, random: seededRandom(1), log: silentLog, fatal: () => undefined });
  caches.reflect({ type: things });
  await caches.stop();
  await caches.stop();
  expect(clock.sleeping).toBe(0);
});

test('a broken promise of our own ends the process, a listener that fails does not', async () => {
  const clock = new SimulatedClock();
  const fatal: Error[] = [];
  const random = seededRandom(1);
  const server = new ListWatchServer(clock, random);
  const caches = new KubeCaches({ client: server, clock, random, log: silentLog, fatal: (error) => void fatal.push(error) });
  const reflector = caches.reflect({ type: things });
  reflector.listen(({ key }) => {
    if (key.name === 'clumsy') throw new TypeError('a listener');
    invariant(key.name !== 'impossible', 'there is no such thing');
  });
  server.write(aThing('clumsy'));
  const started = caches.start(new AbortController().signal);
  await clock.advance(1_000);
  await started;
  expect([reflector.store.size, fatal]).toEqual([1, []]);
  server.write(aThing('impossible'));
  await clock.advance(1_000);
  expect(fatal.map(String)).toEqual(['InvariantBroken: broken promise: there is no such thing']);
  await caches.stop();
});
