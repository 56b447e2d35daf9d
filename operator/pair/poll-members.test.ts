import { beforeEach, expect, test } from 'vitest';
import type { MemberSettings, MemberStatus } from '#agents/member/contract.ts';
import { formatMemberSettings, settingsKey, tokenKey } from '#agents/member/contract.ts';
import { silentLog } from '#lib/base/log.ts';
import { seededRandom } from '#lib/base/random.ts';
import type { Secret } from '#lib/base/secret.ts';
import { statusError } from '#lib/kube/errors.ts';
import { SimulatedClock } from '#lib/kube/testing/simulated-clock.ts';
import { createAuthority } from '#lib/pki/authority.ts';
import { issueLeaf } from '#lib/pki/leaf.ts';
import { aStoredPair } from '#test/api/stored-pair.ts';
import { operatorErrors } from '../errors.ts';
import { ownedLabels, pairLabel } from '../labels.ts';
import { Nudge } from '../nudge.ts';
import type { KubeSecret } from '../resources.ts';
import { encodeData } from '../secret-data.ts';
import { aMemberStatus } from '../testing/stand-in-member.ts';
import { FilledCaches } from '../testing/stores.ts';
import { decidePush, pushAfterMs } from './decide-push.ts';
import { completeSettings, leafNamesOf, planMember } from './member-plan.ts';
import { Observations } from './observations.ts';
import { memberKey } from './pair-names.ts';
import { pollEveryMs, pollMembers } from './poll-members.ts';
import type { PollPorts } from './poll-members.ts';

const pair = aStoredPair();
const { uid } = pair.metadata;

async function settingsOf(paused: boolean): Promise<MemberSettings> {
  const plan = planMember('a', {
    pair: aStoredPair({ spec: { paused } }),
    trustDomain: 'hallkeeper.dev',
    tsigSecret: undefined,
    etcdTls: undefined,
    hall: undefined,
  });
  const authority = await createAuthority({ commonName: 'x', nowMs: 0 });
  const leaf = await issueLeaf(authority, { ...leafNamesOf(plan), nowMs: 0 });
  return completeSettings(plan, {
    certificate: leaf.certificatePem,
    key: leaf.privateKeyPem,
    authority: authority.certificatePem,
  });
}

const secretOf = (settings: MemberSettings, token: string, owner = pair): KubeSecret => ({
  metadata: { ...memberKey(pair, 'a'), labels: ownedLabels(pairLabel, owner) },
  data: encodeData({ [settingsKey]: formatMemberSettings(settings), [tokenKey]: token }),
});

class Polled {
  readonly clock = new SimulatedClock();
  readonly caches = new FilledCaches();
  readonly observations = new Observations();
  readonly pushed: { readonly revision: string; readonly token: string }[] = [];
  readonly told: string[] = [];
  readonly moved: string[] = [];
  status: MemberStatus = aMemberStatus();
  /** What the API server holds of the member's settings. */
  stored: KubeSecret | Error | undefined;
  authority: Error | undefined;
  hasAuthority = true;
  readonly #poll: ReturnType<typeof pollMembers>;

  constructor() {
    this.caches.pairs.see(pair);
    const observed = new Nudge();
    observed.listen(({ name }) => this.told.push(name));
    const recordMoved = new Nudge();
    recordMoved.listen(({ name }) => this.moved.push(name));
    const certificates = {
      forPair: () => (this.authority === undefined ? Promise.resolve(this.hasAuthority ? {} : undefined) : Promise.reject(this.authority)),
    };
    const members = {
      status: () => Promise.resolve(this.status),
      pushSettings: (_place: unknown, { revision }: MemberSettings, token: Secret) => {
        this.pushed.push({ revision, token: token.reveal() });
        return Promise.resolve();
      },
    };
    const find = (): Promise<KubeSecret | undefined> =>
      this.stored instanceof Error ? Promise.reject(this.stored) : Promise.resolve(this.stored);
    const { clock, caches, observations } = this;
    const ports = {
      client: { find },
      clock,
      caches: caches.caches,
      random: seededRandom(1),
      observations,
      observed,
      recordMoved,
      certificates,
      members,
    };
    this.#poll = pollMembers(ports as unknown as PollPorts);
  }

  async round(): Promise<number | undefined> {
    const answer = await this.#poll({ namespace: 'hall-7', name: 'pair-7' }, { signal: new AbortController().signal, log: silentLog });
    await this.clock.advance(pushAfterMs);
    return answer?.requeueAfterMs;
  }
}

let polled: Polled;
let older: MemberSettings;
let newer: MemberSettings;

beforeEach(async () => {
  polled = new Polled();
  [older, newer] = await Promise.all([settingsOf(false), settingsOf(true)]);
});

test('an authority that cannot be read is no end of asking', async () => {
  polled.authority = operatorErrors.HK_AUTHORITY_UNREADABLE('torn');
  expect(await polled.round()).toBeGreaterThanOrEqual(pollEveryMs);
  expect(polled.observations.of(uid).members.get('b')).toMatchObject({ reachable: false, why: expect.stringContaining('torn') });
  expect(polled.told).toEqual(['pair-7']);
  polled.authority = undefined;
  await polled.round();
  expect(polled.observations.of(uid).members.get('b')?.reachable).toBe(true);
});

test('members of a lost authority count as not reached, those of a pair that never had one as not asked', async () => {
  polled.hasAuthority = false;
  await polled.round();
  expect(polled.observations.of(uid).members.size).toBe(0);
  polled.caches.pairs.see(aStoredPair({ status: { mode: 'New' } }));
  await polled.round();
  expect(polled.observations.of(uid).members.get('a')).toMatchObject({ reachable: false, why: expect.stringContaining('is gone') });
});

test('settings that a member has not read are pushed as the API server holds them, however old the cache is', async () => {
  polled.caches.secrets.see(secretOf(older, 'old'));
  polled.stored = secretOf(newer, 'new');
  await polled.round();
  await polled.round();
  expect(polled.pushed).toEqual([{ revision: newer.revision, token: 'new' }]);
});

test('a member that has newer settings than the cache is not set back', async () => {
  polled.caches.secrets.see(secretOf(older, 'old'));
  polled.stored = secretOf(newer, 'new');
  polled.status = aMemberStatus({ settingsRevision: newer.revision });
  await polled.round();
  await polled.round();
  expect(polled.pushed).toEqual([]);
  // A member without arbiter may need the token, whatever settings it has.
  polled.status = aMemberStatus({ settingsRevision: newer.revision, arbiterReached: false });
  expect(decidePush({ differsSinceMs: undefined, arbiterReached: false, pushedAtMs: -Infinity }, 0)).toBe(true);
  for (let count = 0; count < 7; count += 1) await polled.round();
  expect(polled.pushed[0]).toEqual({ revision: newer.revision, token: 'new' });
});

test('what cannot be read is not pushed, and that is not the member’s fault', async () => {
  polled.caches.secrets.see(secretOf(older, 'old'));
  const label = { verb: 'get', resource: 'secrets', target: '', confidential: true };
  for (const stored of [statusError(label, 403, { code: 403, reason: 'Forbidden' }), undefined]) {
    polled.stored = stored;
    for (let count = 0; count < 7; count += 1) await polled.round();
  }
  expect(polled.pushed).toEqual([]);
  expect(polled.observations.of(uid).members.get('a')?.reachable).toBe(true);
});

test('of a record that an etcd keeps the members tell: each change is told on once, and looked for more often', async () => {
  const record = { mode: 'sync', primary: 'a', epoch: 3, sequence: 9 };
  polled.status = aMemberStatus({ record });
  await polled.round();
  expect(polled.moved).toEqual([]);

  polled.caches.pairs.see(aStoredPair({ spec: { arbiter: { etcd: { endpoints: ['https://e:2379'], tlsSecretRef: { name: 't' } } } } }));
  expect(await polled.round()).toBeLessThan(pollEveryMs);
  await polled.round();
  expect(polled.moved).toEqual(['pair-7']);
  expect(polled.observations.of(uid).recordSeen).toMatchObject({ epoch: 3, sequence: 9 });
  polled.status = aMemberStatus({ record: { ...record, mode: 'solo', sequence: 10 } });
  await polled.round();
  expect(polled.moved).toEqual(['pair-7', 'pair-7']);
  // A member that was cut off speaks of the past.
  polled.status = aMemberStatus({ record: { ...record, epoch: 2, sequence: 4 } });
  polled.caches.pairs.see(
    aStoredPair({ spec: polled.caches.pairs.list()[0]?.spec ?? {}, status: { mode: 'Solo', primary: 'a', epoch: 3 } }),
  );
  await polled.round();
  expect(polled.observations.of(uid).recordSeen?.epoch).toBe(3);
});

test('settings that an earlier pair of the name left are nobody’s', async () => {
  polled.caches.secrets.see(secretOf(older, 'old', aStoredPair({ metadata: { uid: 'earlier' } })));
  polled.stored = polled.caches.secrets.list()[0];
  await polled.round();
  await polled.round();
  expect(polled.pushed).toEqual([]);
});
