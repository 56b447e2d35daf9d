import { expect, test } from 'vitest';
import type { WatchOptions } from './client.ts';
import { followObject } from './follow-object.ts';
import type { FollowPorts } from './follow-object.ts';
import { defineResource } from './objects.ts';
import type { KubeObject, ResourceType, WatchEvent } from './objects.ts';
import { aThing } from './testing/objects.ts';
import type { Thing } from './testing/objects.ts';
import { SimulatedClock } from './testing/simulated-clock.ts';

const things = defineResource<Thing>({ apiVersion: 'test/v1', kind: 'Thing', plural: 'things', namespaced: true });
type Client = ReturnType<FollowPorts['client']>;
type Event = WatchEvent<Thing>;

interface Rig {
  readonly clock: SimulatedClock;
  /** When each watch was opened. */
  readonly openedMs: number[];
  readonly options: WatchOptions[];
  readonly told: string[];
  readonly failures: string[];
  client: Client;
  stop(): Promise<void>;
}

/** Follows the thing `a`, with watches that do as told: the events, then the end or its error, after so many milliseconds. */
function rig(watchOf: (count: number) => { events?: readonly Event[]; ms: number; error?: Error }, changed?: (told: string) => void): Rig {
  const clock = new SimulatedClock();
  const openedMs: number[] = [];
  const options: WatchOptions[] = [];
  const told: string[] = [];
  const failures: string[] = [];
  const makeClient = (): Client => ({
    async *watch<T extends KubeObject>(_: ResourceType<T>, asked: WatchOptions, signal: AbortSignal): AsyncGenerator<WatchEvent<T>, void> {
      const { events = [], ms, error } = watchOf(openedMs.length);
      openedMs.push(clock.nowMs());
      options.push(asked);
      yield* events as readonly WatchEvent<KubeObject>[] as readonly WatchEvent<T>[];
      await clock.sleep(ms, signal);
      if (error !== undefined) throw error;
    },
  });
  const stop = new AbortController();
  const made: Rig = {
    clock,
    openedMs,
    options,
    told,
    failures,
    client: makeClient(),
    stop: async () => {
      stop.abort();
      await following;
      expect(clock.sleeping).toBe(0);
    },
  };
  const following = followObject(
    things,
    { namespace: 'hall', name: 'a' },
    ({ type, object }) => {
      told.push(`${type} ${object.metadata.name}`);
      changed?.(told.at(-1) ?? '');
    },
    { client: () => made.client, clock, pauseMs: 1_000, failed: (error) => void failures.push(String(error)) },
    stop.signal,
  );
  return made;
}

test('one object is asked for as it is, told at every change, and bookmarks are nobody’s', async () => {
  const events: readonly Event[] = [
    { type: 'ADDED', object: aThing('a') },
    { type: 'BOOKMARK', object: aThing('') },
    { type: 'DELETED', object: aThing('a') },
  ];
  const { clock, options, told, stop } = rig(() => ({ events, ms: 300_000 }));
  await clock.advance(10);
  expect(told).toEqual(['ADDED a', 'DELETED a']);
  expect(options).toEqual([{ namespace: 'hall', fieldSelector: 'metadata.name=a', resourceVersion: '', timeoutSeconds: 300 }]);
  await stop();
});

test('a watch that lived is opened again at once; one that ends at once, or fails, after a pause', async () => {
  const lives = [{ ms: 5_000 }, { ms: 0 }, { ms: 999 }, { ms: 1_000 }, { ms: 0, error: new Error('away') }, { ms: 9e9 }];
  const { clock, openedMs, failures, stop } = rig((count) => lives[count] ?? { ms: 9e9 });
  await clock.advance(20_000);
  expect(openedMs).toEqual([0, 5_000, 6_000, 7_999, 8_999, 9_999]);
  expect(failures).toEqual(['Error: away']);
  await stop();
});

test('a server that ends every stream at once, however much it says before, is asked once a second', async () => {
  const { clock, openedMs, told, stop } = rig(() => ({ events: [{ type: 'ADDED', object: aThing('a') }], ms: 0 }));
  await clock.advance(10_500);
  expect(openedMs).toHaveLength(11);
  expect(told).toHaveLength(11);
  await stop();
});

test('new credentials, which end the watch of the former client, are used at once and are no failure', async () => {
  const made = rig((count) => (count === 0 ? { ms: 500, error: new Error('closed') } : { ms: 9e9 }));
  await made.clock.advance(100);
  made.client = { ...made.client };
  await made.clock.advance(1_000);
  expect([made.openedMs, made.failures]).toEqual([[0, 500], []]);
  await made.stop();
});

test('an object that could not be taken is told again', async () => {
  let full = true;
  const made = rig(
    () => ({ events: [{ type: 'ADDED', object: aThing('a') }], ms: 9e9 }),
    () => {
      if (full) throw new Error('the disk is full');
    },
  );
  await made.clock.advance(100);
  full = false;
  await made.clock.advance(1_000);
  expect([made.told, made.failures]).toEqual([['ADDED a', 'ADDED a'], ['Error: the disk is full']]);
  await made.stop();
});
