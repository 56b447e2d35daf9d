import { beforeEach, expect, test } from 'vitest';
import type { Hall } from '#lib/api/hall.gen.ts';
import { silentLog } from '#lib/base/log.ts';
import { statusError } from '#lib/kube/errors.ts';
import { SimulatedClock } from '#lib/kube/testing/simulated-clock.ts';
import { ForeignSecrets } from '../foreign-secrets.ts';
import { formatClaim, holderOf, nameClaim } from '../hall/claim.ts';
import { storedHall } from '../hall/testing/objects.ts';
import { Nudge } from '../nudge.ts';
import { settings } from '../notify/testing/examples.ts';
import type { KubeSecret } from '../resources.ts';
import { decodeData } from '../secret-data.ts';
import { FilledCaches } from '../testing/stores.ts';
import { reconcileNotifications } from './reconcile-notifications.ts';
import type { NotificationsPorts } from './reconcile-notifications.ts';
import { RoutingBoard } from './routing-board.ts';

const target = { namespace: 'hallkeeper-system', name: 'alertmanager' };
const key = (name: string) => ({ namespace: 'hall-7', name });
const aHallWith = (name: string, to: string): Hall => storedHall({ name, spec: { notify: [{ name: 'managers', email: { to: [to] } }] } });
const claimOf = (hall: Hall) => formatClaim(nameClaim(hall.metadata.name), holderOf(hall), target.namespace);

/** An API server with one Secret; what it holds reaches the cache when a test says so. */
class Notified {
  readonly caches = new FilledCaches();
  readonly board = new RoutingBoard(new Nudge());
  stored: KubeSecret | undefined;
  writes = 0;
  refusal: Error | undefined;

  look(): ReturnType<ReturnType<typeof reconcileNotifications>> {
    const label = { verb: 'update', resource: 'secrets', target: '', confidential: true };
    const write = (_type: unknown, object: KubeSecret): Promise<KubeSecret> => {
      if (this.refusal !== undefined) return Promise.reject(this.refusal);
      if (object.metadata.resourceVersion !== this.stored?.metadata.resourceVersion) {
        return Promise.reject(statusError(label, 409, { code: 409, reason: 'Conflict' }));
      }
      this.writes += 1;
      this.stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(this.writes) } };
      return Promise.resolve(this.stored);
    };
    const client = { create: write, update: write, find: () => Promise.resolve(this.stored) };
    const ports = {
      client,
      caches: this.caches.caches,
      log: silentLog,
      board: this.board,
      foreign: new ForeignSecrets({ client: client as never, clock: new SimulatedClock() }),
      settings: { ...settings(), target },
      namespace: target.namespace,
    };
    const look = reconcileNotifications(ports as unknown as NotificationsPorts);
    return look(target, { signal: new AbortController().signal, log: silentLog });
  }

  get text(): string {
    return this.stored === undefined ? '' : (decodeData(this.stored)['alertmanager.yaml'] ?? '');
  }

  /** The cache has seen what is stored. */
  see(): void {
    if (this.stored !== undefined) this.caches.secrets.put(this.stored);
  }
}

let notified: Notified;
const [north, south] = [aHallWith('north', 'n@example.com'), aHallWith('south', 's@example.com')];

beforeEach(async () => {
  notified = new Notified();
  notified.caches.halls.see(north, south);
  notified.caches.claims.see(claimOf(north), claimOf(south));
  await notified.look();
  notified.see();
});

test('while the claim of a name is missing, its routes stay and nothing is said of it', async () => {
  const before = notified.text;
  for (const claim of notified.caches.claims.list()) notified.caches.claims.remove(claim);
  await notified.look();
  expect([notified.text, notified.writes]).toEqual([before, 1]);
  expect(notified.board.get(key('north'))).toBeUndefined();
  notified.caches.claims.see(claimOf(north), claimOf(south));
  await notified.look();
  expect(notified.writes).toBe(1);
  expect(notified.board.get(key('north'))).toMatchObject({ routed: true });
});

test('a missing claim costs a refused Hall its last good part neither, and other Halls nothing', async () => {
  notified.caches.halls.see({ ...aHallWith('north', 'a{{b}}@example.com') }, aHallWith('south', 'other@example.com'));
  notified.caches.claims.remove(claimOf(north));
  await notified.look();
  notified.see();
  notified.caches.claims.see(claimOf(north));
  await notified.look();
  expect(notified.board.get(key('north'))).toMatchObject({ reason: 'LastGoodKept' });
  for (const address of ['n@example.com', 'other@example.com']) expect(notified.text).toContain(address);
});

test('routes go with the last Hall of their name, or when another Hall has it', async () => {
  notified.caches.halls.remove(north);
  const heir = { ...aHallWith('south', 'heir@example.com'), metadata: { ...south.metadata, namespace: 'other', uid: 'heir' } };
  notified.caches.halls.see(heir);
  notified.caches.claims.see(claimOf(heir));
  await notified.look();
  expect(notified.text).not.toMatch(/n@example\.com|s@example\.com/);
  expect(notified.text).toContain('heir@example.com');
});

test('a configuration that is newer than the cache is not overwritten', async () => {
  notified.caches.halls.see(aHallWith('south', 'second@example.com'));
  await notified.look();
  const before = notified.text;
  notified.caches.halls.see(aHallWith('south', 'third@example.com'));
  await expect(notified.look()).rejects.toMatchObject({ code: 'HK_KUBE_CONFLICT' });
  expect(notified.text).toBe(before);
  notified.see();
  await notified.look();
  expect(notified.text).toContain('third@example.com');
});

test('labels that others put on the Secret stay', async () => {
  const { stored } = notified;
  if (stored === undefined) throw new Error('nothing was written');
  notified.caches.secrets.remove(stored);
  notified.stored = { ...stored, metadata: { ...stored.metadata, labels: { ...stored.metadata.labels, mine: 'x' } } };
  notified.caches.halls.remove(south);
  await notified.look();
  expect(notified.stored.metadata.labels).toMatchObject({ mine: 'x' });
  expect(notified.writes).toBe(2);
});

test('what the API server refuses is told to every Hall, and ends the look', async () => {
  const label = { verb: 'update', resource: 'secrets', target: '', confidential: true };
  notified.refusal = statusError(label, 403, { code: 403, reason: 'Forbidden' });
  notified.caches.halls.see(aHallWith('south', 'second@example.com'));
  await expect(notified.look()).rejects.toBe(notified.refusal);
  expect(notified.board.get(key('north'))).toMatchObject({ routed: false, reason: 'NotDelivered' });
});
