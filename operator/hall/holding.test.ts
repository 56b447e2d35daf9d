import { expect, test } from 'vitest';
import type { Hall } from '#lib/api/hall.gen.ts';
import { keyOf } from '#lib/kube/objects.ts';
import { hallAuthoritySecretName } from '../pair/pair-names.ts';
import { servedHall } from '../pair/gather-pair.ts';
import { namedHalls } from '../notifications/gather-notifications.ts';
import { encodeData } from '../secret-data.ts';
import { FilledCaches } from '../testing/stores.ts';
import { formatClaim, holderOf, nameClaim, pairClaim } from './claim.ts';
import { nameHolding, pairHolding } from './holding.ts';
import { storedHall, storedPair } from './testing/objects.ts';

const pair = storedPair();
const hall = storedHall();
const earlier = { ...holderOf(hall), uid: 'earlier' };
const rival = storedHall({ name: 'rival', spec: { failoverPairRef: { name: 'pair-7' } } });
const twin = { ...hall, metadata: { ...hall.metadata, namespace: 'other', uid: 'twin' } } as Hall;
const leaving = { ...hall, metadata: { ...hall.metadata, deletionTimestamp: '2026-03-01T00:00:00Z' } } as Hall;
const other = storedHall({ spec: { failoverPairRef: { name: 'another' } } });
const claimOf = (wish: ReturnType<typeof nameClaim>, holder: ReturnType<typeof holderOf>) => formatClaim(wish, holder, 'hallkeeper-system');
const own = [claimOf(nameClaim('hall-7'), holderOf(hall)), claimOf(pairClaim(pair), holderOf(hall))];

function seen(halls: readonly Hall[], claims: readonly ReturnType<typeof claimOf>[]): FilledCaches {
  const caches = new FilledCaches();
  caches.halls.see(...halls);
  caches.claims.see(...claims);
  return caches;
}

test.each([
  ['its Hall holds it', [hall], own, 'held', 'held'],
  ['every claim was deleted', [hall], [], 'undecided', 'undecided'],
  [
    'the claims are of an earlier Hall of the name',
    [hall],
    [claimOf(nameClaim('hall-7'), earlier), claimOf(pairClaim(pair), earlier)],
    'undecided',
    'undecided',
  ],
  ['a Hall that is being deleted lives until it is gone', [leaving], [], 'undecided', 'undecided'],
  [
    'the claim says that the pair is of a Hall that turned away from it and has not given it back',
    [other, rival],
    [claimOf(pairClaim(pair), holderOf(other))],
    'undecided',
    'held',
  ],
  ['the Hall has turned to another pair', [other], [claimOf(nameClaim('hall-7'), holderOf(other))], 'held', 'nobody'],
  [
    'a Hall whose name another one has does not get the pair',
    [hall, twin],
    [claimOf(nameClaim('hall-7'), holderOf(twin))],
    'held',
    'nobody',
  ],
  [
    'the holder stands in a namespace that we do not see',
    [hall],
    [claimOf(nameClaim('hall-7'), { namespace: 'elsewhere', name: 'hall-7', uid: 'x' })],
    'held',
    'nobody',
  ],
] as const)('%s', (_behaviour, halls, claims, name, served) => {
  const { caches } = seen(halls, claims);
  const [first = hall] = halls;
  expect([nameHolding(first, caches).is, pairHolding(pair, caches).is]).toEqual([name, served]);
});

test('without a single Hall nobody has the pair', () => {
  expect(pairHolding(pair, seen([], own).caches).is).toBe('nobody');
});

const authority = {
  metadata: { namespace: 'hall-7', name: hallAuthoritySecretName('hall-7') },
  data: encodeData({ 'ca.crt': 'the bundle' }),
};

test.each([
  ['the members serve the hall that holds the pair', [hall], own, [authority], { is: 'served', name: 'hall-7', authority: 'the bundle' }],
  ['without a claim they go on', [hall], [], [authority], { is: 'as before' }],
  ['without the authority of the hall they go on', [hall], own, [], { is: 'as before' }],
  ['with one that has no bundle, too', [hall], own, [{ ...authority, data: {} }], { is: 'as before' }],
  ['a Hall that is gone is not served', [], own, [authority], { is: 'none' }],
] as const)('%s', (_behaviour, halls, claims, secrets, expected) => {
  const filled = seen(halls, claims);
  filled.secrets.see(...secrets);
  expect(servedHall(pair, filled.caches)).toEqual(expected);
});

test('Alertmanager is told of Halls that hold their names, and what it was told of an undecided name stays', () => {
  const lone = storedHall({ name: 'lone' });
  const { named, undecided } = namedHalls(seen([hall, twin, lone, rival], [...own, claimOf(nameClaim('rival'), holderOf(rival))]).caches);
  expect(named.map(keyOf)).toEqual([hall, rival].map(keyOf));
  expect([...undecided]).toEqual(['lone']);
});
