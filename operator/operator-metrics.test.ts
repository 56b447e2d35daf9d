import { Registry } from 'prom-client';
import { beforeAll, describe, expect, test } from 'vitest';
import { createAuthority } from '#lib/pki/authority.ts';
import { issueLeaf } from '#lib/pki/leaf.ts';
import { aStoredDrill } from './drill/testing/drills.ts';
import { formatClaim, holderOf, nameClaim, pairClaim } from './hall/claim.ts';
import { storedHall, storedPair } from './hall/testing/objects.ts';
import { hallLabel } from './labels.ts';
import type { OperatorCaches } from './operator-caches.ts';
import { productMetrics } from './operator-metrics.ts';
import type { KubeSecret } from './resources.ts';
import { FilledCaches } from './testing/stores.ts';

const nowMs = Date.UTC(2026, 0, 2);
const pems: string[] = [];

beforeAll(async () => {
  const authority = await createAuthority({ commonName: 'test', nowMs });
  for (const host of ['a.example.com', 'b.example.com']) {
    const identity = { kind: 'operator', trustDomain: 'hallkeeper.dev' } as const;
    const leaf = await issueLeaf(authority, { identity, commonName: host, ipAddresses: [], usages: ['client'], nowMs });
    pems.push(leaf.certificatePem);
  }
});

/** A Secret as it stands in the cache, and how often its certificate was asked for. */
function watchedSecret(name: string, text: () => string): { readonly secret: KubeSecret; readonly reads: () => number } {
  let reads = 0;
  const metadata = { name, namespace: 'halls', labels: { [hallLabel]: 'north' } };
  const secret: KubeSecret = {
    metadata,
    get data() {
      reads += 1;
      return { 'tls.crt': Buffer.from(text()).toString('base64') };
    },
  };
  return { secret, reads: () => reads };
}

function rig(): { readonly registry: Registry; readonly secrets: KubeSecret[] } {
  const registry = new Registry();
  const secrets: KubeSecret[] = [];
  const nothing = { list: () => [] };
  productMetrics(registry, {
    halls: nothing,
    pairs: nothing,
    drillSchedules: nothing,
    secrets: { list: () => secrets },
  } as unknown as OperatorCaches);
  return { registry, secrets };
}

const expiryLines = async (registry: Registry): Promise<readonly string[]> =>
  (await registry.metrics()).split('\n').filter((line) => line.startsWith('hallkeeper_certificate_expiry_timestamp_seconds{'));

test('a certificate is read once for as long as its Secret stands in the cache, and anew when the Secret is another object', async () => {
  const { registry, secrets } = rig();
  const first = watchedSecret('t-01', () => pems[0] ?? '');
  secrets.push(first.secret);
  const before = await expiryLines(registry);
  expect(before).toEqual([expect.stringContaining('{secret="t-01",pair="",hall="north",resource_namespace="halls"} ')]);
  expect(await expiryLines(registry)).toEqual(before);
  expect(first.reads()).toBe(1);
  const second = watchedSecret('t-01', () => pems[1] ?? '');
  secrets.splice(0, 1, second.secret);
  expect(await expiryLines(registry)).toHaveLength(1);
  expect([first.reads(), second.reads()]).toEqual([1, 1]);
  secrets.pop();
  expect(await expiryLines(registry)).toEqual([]);
});

test('what is no certificate is read once too, and has no sample', async () => {
  const { registry, secrets } = rig();
  const broken = watchedSecret('t-02', () => 'no certificate');
  secrets.push(broken.secret);
  for (const _ of [1, 2]) expect(await expiryLines(registry)).toEqual([]);
  expect(broken.reads()).toBe(1);
});

test('many new certificates are read in several turns of the event loop, and two scrapes at once show all of them', async () => {
  const { registry, secrets } = rig();
  const count = 250;
  const watched = Array.from({ length: count }, (_, index) => watchedSecret(`t-${index}`, () => pems[0] ?? ''));
  secrets.push(...watched.map(({ secret }) => secret));
  const scrapes = Promise.all([expiryLines(registry), expiryLines(registry)]);
  const readInFirstTurn = watched.filter(({ reads }) => reads() > 0).length;
  expect(readInFirstTurn).toBeLessThan(count);
  for (const lines of await scrapes) expect(lines).toHaveLength(count);
  expect(watched.every(({ reads }) => reads() === 1)).toBe(true);
});

describe('conditions bear the hall and the pair that they are about', () => {
  const ready = { type: 'Ready', status: 'True', reason: 'r', message: 'm', lastTransitionTime: '2026-01-01T00:00:00Z' } as const;
  const hall = storedHall({}, { conditions: [ready] });
  const twin = { ...hall, metadata: { ...hall.metadata, namespace: 'other', uid: 'twin' } };
  const pair = storedPair({}, { conditions: [ready] });
  const drill = aStoredDrill({}, { conditions: [ready] });
  const claims = [nameClaim('hall-7'), pairClaim(pair)].map((wish) => formatClaim(wish, holderOf(hall), 'hallkeeper-system'));

  async function shown(filled: FilledCaches): Promise<readonly string[]> {
    const registry = new Registry();
    productMetrics(registry, filled.caches);
    const lines = (await registry.metrics()).split('\n').filter((line) => /^hallkeeper_resource_condition.* 1$/.test(line));
    return lines.map(
      (line) => /kind="(\w+)".*resource_namespace="([^"]*)",(hall="[^"]*",pair="[^"]*")/.exec(line)?.slice(1).join(' ') ?? line,
    );
  }

  test('as the members of the pair do', async () => {
    const filled = new FilledCaches();
    filled.halls.see(hall, twin);
    filled.pairs.see(pair);
    filled.drillSchedules.see(drill);
    filled.claims.see(...claims);
    expect(await shown(filled)).toEqual([
      'Hall hall-7 hall="hall-7",pair=""',
      'Hall other hall="",pair=""',
      'FailoverPair hall-7 hall="hall-7",pair="pair-7"',
      'DrillSchedule hall-7 hall="hall-7",pair="pair-7"',
    ]);
  });

  test('also while nobody has decided who has the pair, where only one Hall wants it', async () => {
    const filled = new FilledCaches();
    filled.halls.see(hall);
    filled.pairs.see(pair);
    expect(await shown(filled)).toContain('FailoverPair hall-7 hall="hall-7",pair="pair-7"');
    filled.halls.see(storedHall({ name: 'rival', spec: { failoverPairRef: { name: 'pair-7' } } }));
    expect(await shown(filled)).toContain('FailoverPair hall-7 hall="",pair="pair-7"');
  });

  test('and the wish of a Hall whose name another one has does not count', async () => {
    const filled = new FilledCaches();
    const loser = storedHall({ name: 'stolen' });
    const owner = { ...loser, metadata: { ...loser.metadata, namespace: 'other', uid: 'owner' } };
    filled.halls.see(hall, loser, owner);
    filled.pairs.see(pair);
    filled.claims.see(formatClaim(nameClaim('stolen'), holderOf(owner), 'hallkeeper-system'));
    expect(await shown(filled)).toContain('FailoverPair hall-7 hall="hall-7",pair="pair-7"');
  });

  test('none where no Hall wants the pair, and none of a schedule without its pair', async () => {
    const filled = new FilledCaches();
    filled.pairs.see(pair);
    expect(await shown(filled)).toEqual(['FailoverPair hall-7 hall="",pair="pair-7"']);
    const alone = new FilledCaches();
    alone.halls.see(hall);
    alone.drillSchedules.see(drill);
    expect(await shown(alone)).toContain('DrillSchedule hall-7 hall="",pair="pair-7"');
  });
});
