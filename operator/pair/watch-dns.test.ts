import { expect, test } from 'vitest';
import { silentLog } from '#lib/base/log.ts';
import { seededRandom } from '#lib/base/random.ts';
import { SimulatedClock } from '#lib/kube/testing/simulated-clock.ts';
import { aStoredPair, aStoredRecord } from '#test/api/stored-pair.ts';
import { Nudge } from '../nudge.ts';
import { FilledCaches } from '../testing/stores.ts';
import { Observations } from './observations.ts';
import { watchDns } from './watch-dns.ts';
import type { WatchDnsPorts } from './watch-dns.ts';

const pace = { everyMs: 7_000, jitterMs: 1_000, movingAgainMs: 500 };
const dns = {
  zone: 'halls.test',
  name: 'north.halls.test',
  ttl: 1,
  tsigKeyName: 'k',
  tsigSecretRef: { name: 'tsig', key: 'key' },
  servers: [{ address: '192.0.2.53', port: 53 }],
};

/** How often the key is read, with which the servers are asked. */
async function keysRead(owner: string): Promise<{ readonly reads: number; readonly again: number | undefined }> {
  const filled = new FilledCaches();
  filled.pairs.see(aStoredPair({ spec: { dns } }));
  filled.pairRecords.see(aStoredRecord({ epoch: 9 }, owner === '' ? {} : { 'hallkeeper.dev/owner-uid': owner }));
  let reads = 0;
  const foreign = {
    read: () => {
      reads += 1;
      return Promise.resolve(undefined);
    },
  };
  const ports = { caches: filled.caches, clock: new SimulatedClock(), random: seededRandom(1), foreign };
  const look = watchDns({ ...ports, observations: new Observations(), observed: new Nudge() } as unknown as WatchDnsPorts, pace);
  const answer = await look({ namespace: 'hall-7', name: 'pair-7' }, { signal: new AbortController().signal, log: silentLog });
  return { reads, again: answer?.requeueAfterMs };
}

test('the name shows what the pair’s own record says, and nothing of the record that an earlier pair left', async () => {
  expect((await keysRead('')).reads).toBe(1);
  expect(await keysRead('earlier')).toEqual({ reads: 0, again: pace.everyMs });
});
