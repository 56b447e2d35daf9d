import { expect, test } from 'vitest';
import { silentLog } from '#lib/base/log.ts';
import { seededRandom } from '#lib/base/random.ts';
import { systemClock } from '#lib/base/system-clock.ts';
import type { KubeClient } from '#lib/kube/client.ts';
import { assembleOperator } from './operator.ts';
import { rooms } from './rooms.ts';
import { parseOperatorSettings } from './settings.ts';

/** `terminationGracePeriodSeconds` of a pod that names none: afterwards the process is killed, and the lease left to expire. */
const killedAfterMs = 30_000;

test('however much hangs, the operator stops before it is killed', () => {
  const client = { with: () => client, close: async () => undefined } as unknown as KubeClient;
  const { parts } = assembleOperator({
    settings: parseOperatorSettings({}),
    identity: 'test_1',
    clock: systemClock,
    random: seededRandom(1),
    log: silentLog,
    connect: () => client,
    fatal: () => undefined,
    rooms,
  });
  const names = parts.map(({ name }) => name);
  expect(names.indexOf('lease')).toBeLessThan(names.indexOf('controllers'));
  expect(parts.reduce((sum, { stopMaxMs }) => sum + stopMaxMs, 0)).toBeLessThan(killedAfterMs);
});
