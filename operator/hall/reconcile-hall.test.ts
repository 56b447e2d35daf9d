import { expect, test } from 'vitest';
import type { HallStatus } from '#lib/api/hall.gen.ts';
import type { Terminal } from '#lib/api/terminal.gen.ts';
import { silentLog } from '#lib/base/log.ts';
import { seededRandom } from '#lib/base/random.ts';
import { statusError } from '#lib/kube/errors.ts';
import { SimulatedClock } from '#lib/kube/testing/simulated-clock.ts';
import { FilledCaches, SeenStore } from '../testing/stores.ts';
import { reconcileHall } from './reconcile-hall.ts';
import type { HallPorts } from './reconcile-hall.ts';
import { storedHall } from './testing/objects.ts';

const label = { verb: 'create', resource: 'configmaps', target: 'x', confidential: false };

async function look(refusal: Error, times = 1): Promise<readonly HallStatus[]> {
  const filled = Object.assign(new FilledCaches(), { terminals: new SeenStore<Terminal>({ hall: () => [] }) });
  filled.halls.see(storedHall({}, { primary: 'a' }));
  const statuses: HallStatus[] = [];
  const ports = {
    client: {
      create: () => Promise.reject(refusal),
      apply: (_type: unknown, { status }: { readonly status: HallStatus }) => Promise.resolve(statuses.push(status)),
    },
    caches: filled.caches,
    clock: new SimulatedClock(),
    random: seededRandom(1),
    namespace: 'hallkeeper-system',
  };
  const reconcile = reconcileHall(ports as unknown as HallPorts);
  for (let count = 0; count < times; count += 1) {
    const run = reconcile({ namespace: 'hall-7', name: 'hall-7' }, { signal: new AbortController().signal, log: silentLog });
    await expect(run).rejects.toBe(refusal);
  }
  return statuses;
}

test('a claim that the API server refuses is told once, beside what stands', async () => {
  const refused = statusError(label, 403, { code: 403, reason: 'Forbidden', message: 'no configmaps here' });
  expect(await look(refused, 3)).toMatchObject([
    { primary: 'a', conditions: [{ type: 'Ready', reason: 'NotApplied', message: expect.stringContaining('no configmaps here') }] },
  ]);
});

test('of an API server that is busy nothing is told', async () => {
  expect(await look(statusError(label, 429, { code: 429, reason: 'TooManyRequests' }))).toEqual([]);
});
