import { Registry } from 'prom-client';
import { beforeAll, expect, test } from 'vitest';
import { createAuthority } from '#lib/pki/authority.ts';
import { issueLeaf } from '#lib/pki/leaf.ts';
import { hallLabel } from './labels.ts';
import type { OperatorCaches } from './operator-caches.ts';
import { productMetrics } from './operator-metrics.ts';
import type { KubeSecret } from './resources.ts';

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
