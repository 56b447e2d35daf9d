import { expect, test } from 'vitest';
import { silentLog } from '#lib/base/log.ts';
import { seededRandom } from '#lib/base/random.ts';
import { SimulatedClock } from '#lib/kube/testing/simulated-clock.ts';
import type { OperatorPorts } from './frame.ts';
import { rooms } from './rooms.ts';
import { parseOperatorSettings } from './settings.ts';
import { FilledCaches } from './testing/stores.ts';

test('no controller takes a refusal for the end: tokens, certificates and times that are due come all the same', () => {
  const ports = {
    client: {},
    clock: new SimulatedClock(),
    random: seededRandom(1),
    log: silentLog,
    events: { record: () => undefined },
    caches: new FilledCaches().caches,
    trustDomain: 'hallkeeper.dev',
  } as unknown as OperatorPorts;
  const notify = {
    secret: { name: 'alertmanager' },
    platform: { email: ['p@example.com'] },
    smtp: { smarthost: 'm:25', from: 'h@example.com' },
  };
  const settings = parseOperatorSettings({ notify });
  const controllers = rooms.flatMap((room) => room(ports, settings).controllers);
  expect(controllers.map(({ name }) => name).toSorted()).toEqual(
    ['drill', 'hall', 'notifications', 'pair', 'pair-dns', 'pair-members', 'pair-operation', 'pair-route', 'terminal'].toSorted(),
  );
  const unbounded = controllers.filter(({ refusedAgainMs = Infinity }) => refusedAgainMs < 60_000 || refusedAgainMs > 600_000);
  expect(unbounded.map(({ name }) => name)).toEqual([]);
});
