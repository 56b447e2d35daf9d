import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { Clock } from '#lib/base/clock.ts';
import { silentLog } from '#lib/base/log.ts';
import { seededRandom } from '#lib/base/random.ts';
import type { KubeClient } from '#lib/kube/client.ts';
import { statusError } from '#lib/kube/errors.ts';
import type { SliceObject } from './decide-slice.ts';
import { SliceRoute } from './route-slice.ts';
import { aSliceObject } from './testing/slice.ts';

const label = { verb: 'update', resource: 'endpointslices', target: 'north-hallkeeper', confidential: false };
const answered = (code: number, reason: string): Error => statusError(label, code, { code, reason, message: 'because' });
const conflict = answered(409, 'Conflict');
const forbidden = answered(403, 'Forbidden');
const gone = answered(404, 'NotFound');
const busy = answered(429, 'TooManyRequests');

/** A slice route on an API server that answers as the test says, on a clock that does not wait. */
class Tried {
  slice: SliceObject | undefined = aSliceObject({ address: '10.20.0.12', epoch: 3 });
  /** What the next updates, then the next reads are refused with. */
  readonly updates: Error[] = [];
  readonly reads: Error[] = [];
  readonly said: string[] = [];
  readonly pausesMs: number[] = [];
  readonly ended = Promise.withResolvers<void>();
  readonly route: SliceRoute;

  constructor() {
    const client = {
      get: () => this.#answer(this.reads.shift() ?? (this.slice === undefined ? gone : undefined), () => this.slice),
      update: (_type: unknown, object: SliceObject) => this.#answer(this.updates.shift(), () => (this.slice = object)),
    } as unknown as KubeClient;
    const sleep = (ms: number): Promise<void> => Promise.resolve(void this.pausesMs.push(ms));
    const clock: Clock = { nowMs: () => 0, wallMs: () => 0, sleep };
    this.route = new SliceRoute({
      client: () => client,
      clock,
      random: seededRandom(1),
      log: silentLog,
      slice: { namespace: 'hall-7', name: 'north-hallkeeper' },
      address: '10.20.0.11',
      pairUid: 'uid-7',
      tried: ({ outcome }, last) => {
        this.said.push(outcome);
        if (last) this.ended.resolve();
      },
    });
  }

  async lead(epoch: number): Promise<readonly string[]> {
    this.route.set({ epoch });
    await this.ended.promise;
    return this.said;
  }

  async #answer<T>(error: Error | undefined, value: () => T): Promise<T> {
    if (error !== undefined) throw error;
    await turn();
    return value();
  }
}

test('the member that has opened leads the Service to itself with its first try', async () => {
  const tried = new Tried();
  expect(await tried.lead(4)).toEqual(['applied']);
  expect(tried.slice).toMatchObject({
    endpoints: [{ addresses: ['10.20.0.11'] }],
    metadata: { annotations: { 'hallkeeper.dev/epoch': '4' } },
  });
  expect(tried.route.standing).toEqual({ slice: 'north-hallkeeper', ok: true, why: 'applied: from epoch 3 at try 1' });
});

test.each<[string, (tried: Tried) => void, readonly string[], string]>([
  ['somebody wrote at the same time', ({ updates }) => updates.push(conflict, conflict), ['contended', 'contended', 'applied'], 'applied'],
  ['the API server is busy for a moment', ({ reads }) => reads.push(busy), ['failed', 'applied'], 'applied'],
  ['a new policy does not know us yet', ({ updates }) => updates.push(forbidden), ['refused', 'applied'], 'applied'],
  ['the operator was quicker', (tried) => (tried.slice = aSliceObject({ address: '10.20.0.11', epoch: 4 })), ['unchanged'], 'unchanged'],
  [
    'a later leader was there',
    (tried) => (tried.slice = aSliceObject({ address: '10.20.0.12', epoch: 5 })),
    ['superseded'],
    'superseded: by epoch 5',
  ],
])('when %s it ends so', async (_what, arrange, said, why) => {
  const tried = new Tried();
  arrange(tried);
  expect(await tried.lead(4)).toEqual(said);
  expect(tried.route.standing?.why.startsWith(why)).toBe(true);
});

test('after eight tries within some seconds it is left to the operator', async () => {
  const tried = new Tried();
  tried.slice = undefined;
  expect(await tried.lead(4)).toEqual(Array(8).fill('left'));
  expect(tried.route.standing).toEqual({ slice: 'north-hallkeeper', ok: false, why: 'left: it is not there at try 8' });
  expect(tried.pausesMs).toHaveLength(7);
  expect(tried.pausesMs.reduce((sum, ms) => sum + ms, 0)).toBeLessThan(9_000);
});

test('a member that leads no more writes nothing and says nothing of what ends late', async () => {
  const tried = new Tried();
  tried.route.set({ epoch: 4 });
  tried.route.set(undefined);
  for (let count = 0; count < 5; count += 1) await turn();
  expect(tried.said).toEqual([]);
  expect(tried.slice).toMatchObject({ endpoints: [{ addresses: ['10.20.0.12'] }] });
  expect(tried.route.standing).toBeUndefined();
});
