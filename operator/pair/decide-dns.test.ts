import { expect, test } from 'vitest';
import { dnsErrors } from '#lib/dns/errors.ts';
import type { RecordOutcome } from '#lib/dns/record-outcome.ts';
import type { NameState } from '#lib/dns/failover-record.ts';
import { aStoredPair, aStoredRecord } from '#test/api/stored-pair.ts';
import { judgeName, judgeRepair, wantedName } from './decide-dns.ts';
import type { DnsVerdict } from './decide-dns.ts';
import type { DnsServerView } from './pair-view.ts';

const dns = {
  zone: 'halls.test',
  name: 'north.halls.test',
  ttl: 1,
  tsigKeyName: 'k',
  tsigSecretRef: { name: 'tsig', key: 'key' },
  servers: [{ address: '192.0.2.53', port: 53 }],
};
const pair = aStoredPair({ spec: { dns } });
const wanted = { zone: dns.zone, name: dns.name, ttlSeconds: 1, address: '10.20.0.11', pairUid: pair.metadata.uid, epoch: 3 };
const owned = (change: Partial<Extract<NameState, { is: 'owned' }>> = {}): NameState => ({
  is: 'owned',
  pairUid: pair.metadata.uid,
  epoch: 3,
  addresses: ['10.20.0.11'],
  ttlSeconds: 1,
  ...change,
});

test.each<[string, NameState, DnsServerView['state'] | undefined, DnsVerdict]>([
  ['the primary, at the first look', owned(), undefined, { state: 'in sync', says: '', repair: false }],
  ['the primary, after a repair', owned(), 'behind', { state: 'in sync', says: '', repair: false }],
  [
    'the epoch before, just after a failover: the member is at it',
    owned({ epoch: 2, addresses: ['10.20.0.12'] }),
    undefined,
    { state: 'moving', says: 'it shows 10.20.0.12 with TTL 1 of epoch 2', repair: false },
  ],
  [
    'the epoch before, at the second look',
    owned({ epoch: 2, addresses: ['10.20.0.12'] }),
    'moving',
    { state: 'behind', says: 'it shows 10.20.0.12 with TTL 1 of epoch 2', repair: true },
  ],
  [
    'the epoch before, after the server was down',
    owned({ epoch: 1, addresses: ['10.20.0.12'] }),
    'unreachable',
    { state: 'behind', says: 'it shows 10.20.0.12 with TTL 1 of epoch 1', repair: true },
  ],
  [
    'another address of this epoch, changed by hand',
    owned({ addresses: ['10.9.9.9', '10.20.0.11'] }),
    'in sync',
    { state: 'behind', says: 'it shows 10.9.9.9, 10.20.0.11 with TTL 1 of epoch 3', repair: true },
  ],
  [
    'another TTL, changed by hand',
    owned({ ttlSeconds: 3_600 }),
    'in sync',
    { state: 'behind', says: 'it shows 10.20.0.11 with TTL 3600 of epoch 3', repair: true },
  ],
  [
    'no address any more',
    { is: 'owned', pairUid: pair.metadata.uid, epoch: 3, addresses: [] },
    'in sync',
    { state: 'behind', says: 'it shows no address of epoch 3', repair: true },
  ],
  ['nothing, at the first look', { is: 'absent' }, undefined, { state: 'moving', says: 'it has no record', repair: false }],
  ['nothing, at the second look', { is: 'absent' }, 'moving', { state: 'behind', says: 'it has no record', repair: true }],
  [
    'a later epoch, of which we hear in a moment',
    owned({ epoch: 4, addresses: ['10.20.0.12'] }),
    'in sync',
    { state: 'moving', says: 'it shows 10.20.0.12 of the later epoch 4', repair: false },
  ],
  [
    'a later epoch, of which we still have not heard',
    owned({ epoch: 4, addresses: ['10.20.0.12'] }),
    'moving',
    { state: 'ahead', says: 'it shows 10.20.0.12 of the later epoch 4', repair: false },
  ],
  [
    'another pair, however low its epoch',
    owned({ pairUid: 'uid-9', epoch: 1 }),
    'behind',
    { state: 'foreign', says: 'it belongs to pair uid-9', repair: false },
  ],
  [
    'a later epoch of another pair',
    owned({ pairUid: 'uid-9', epoch: 99 }),
    'moving',
    { state: 'foreign', says: 'it belongs to pair uid-9', repair: false },
  ],
  [
    'somebody’s records',
    { is: 'foreign', says: 'it has 2 TXT records' },
    'behind',
    { state: 'foreign', says: 'it has 2 TXT records', repair: false },
  ],
])('a server that shows %s', (_what, seen, before, verdict) => {
  expect(judgeName(wanted, seen, before)).toEqual(verdict);
});

test.each<[RecordOutcome, DnsServerView['state'] | undefined]>([
  [{ outcome: 'applied', took: 2 }, undefined],
  [{ outcome: 'unchanged' }, undefined],
  [{ outcome: 'superseded', epoch: 4 }, 'ahead'],
  [{ outcome: 'foreign', says: 'it belongs to pair uid-9' }, 'foreign'],
  [{ outcome: 'refused', rcode: 'REFUSED' }, 'refused'],
  [{ outcome: 'unauthenticated', rcode: 'NOTAUTH', tsigError: 'BADKEY', says: 'it is not signed' }, 'refused'],
  [{ outcome: 'failed', error: dnsErrors.HK_DNS_UNREACHABLE() }, 'behind'],
])('a repair that ends as %j', (outcome, state) => {
  expect(judgeRepair(outcome)?.state).toBe(state);
});

test('the name shows the primary of an open epoch, and nothing while nobody leads', () => {
  expect(wantedName(pair, aStoredRecord().spec)).toEqual(wanted);
  expect(wantedName(pair, aStoredRecord({ mode: 'Solo', primary: 'b', epoch: 4 }).spec)).toMatchObject({ address: '10.20.0.12', epoch: 4 });
  for (const spec of [{ mode: 'Claim', primary: 'b', epoch: 4 }, { mode: 'New', epoch: 0 }, { primary: 'c' }] as const) {
    expect(wantedName(pair, aStoredRecord(spec).spec)).toBeUndefined();
  }
  expect(wantedName(pair, undefined)).toBeUndefined();
  expect(wantedName(aStoredPair(), aStoredRecord().spec)).toBeUndefined();
});
