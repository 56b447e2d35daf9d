import { expect, test } from 'vitest';
import { SimulatedClock } from '#lib/kube/testing/simulated-clock.ts';
import { createAuthority } from '#lib/pki/authority.ts';
import { controllerReference } from '#lib/kube/owner.ts';
import { hallLabel, managedBy, managedByLabel } from '../labels.ts';
import { halls } from '../resources.ts';
import type { KubeSecret } from '../resources.ts';
import { decodeData } from '../secret-data.ts';
import { FilledCaches } from '../testing/stores.ts';
import { keepLeaf } from './act-leaf.ts';
import type { LeafWanted } from './act-leaf.ts';
import { storedHall } from './testing/objects.ts';

const hall = storedHall();
const clock = new SimulatedClock();
const signal = new AbortController().signal;
const key = { namespace: 'hall-7', name: 'hallkeeper-terminal-t' };

async function wantedOf(trustPem: string): Promise<LeafWanted> {
  return {
    key,
    labels: { [hallLabel]: 'hall-7' },
    owner: controllerReference(halls, hall),
    names: {
      identity: { kind: 'terminal', trustDomain: 'hallkeeper.dev', hall: 'hall-7', name: 't' },
      commonName: 'x',
      usages: ['client'],
    },
    signWith: await createAuthority({ commonName: 'x', nowMs: clock.wallMs() }),
    trustPem,
    more: {},
  };
}

test('a leaf is created once, and replaced in the version that was read, with the labels that others put on it', async () => {
  const { caches, secrets } = new FilledCaches();
  const writes: { readonly verb: string; readonly secret: KubeSecret }[] = [];
  const client = {
    create: (_type: unknown, secret: KubeSecret) => Promise.resolve(writes.push({ verb: 'create', secret })),
    update: (_type: unknown, secret: KubeSecret) => Promise.resolve(writes.push({ verb: 'update', secret })),
    find: () => Promise.resolve(undefined),
  } as never;
  const wanted = await wantedOf('old bundle');
  await keepLeaf(wanted, { client, clock, caches }, signal);
  const [first] = writes;
  if (first === undefined) throw new Error('nothing was written');
  expect(first).toMatchObject({
    verb: 'create',
    secret: { type: 'kubernetes.io/tls', metadata: { labels: { [managedByLabel]: managedBy } } },
  });
  const { metadata } = first.secret;
  secrets.put({ ...first.secret, metadata: { ...metadata, uid: 'u', resourceVersion: '41', labels: { ...metadata.labels, mine: 'x' } } });
  await keepLeaf(wanted, { client, clock, caches }, signal);
  expect(writes).toHaveLength(1);
  await keepLeaf({ ...wanted, trustPem: 'new bundle' }, { client, clock, caches }, signal);
  const second = writes[1]?.secret;
  expect(second?.metadata).toMatchObject({ uid: 'u', resourceVersion: '41', labels: { mine: 'x', [hallLabel]: 'hall-7' } });
  expect(decodeData(second ?? first.secret)['tls.crt']).toBe(decodeData(first.secret)['tls.crt']);
});
