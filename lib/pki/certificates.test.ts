import { inspect } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { Secret } from '#lib/base/secret.ts';
import { createAuthority, loadAuthority } from './authority.ts';
import type { Authority } from './authority.ts';
import type { Identity } from './identity.ts';
import { canonicalAddress, inspectCertificate, joinCertificates, requireKeyPair, splitCertificates } from './inspect.ts';
import { issueLeaf } from './leaf.ts';
import type { Leaf, LeafWish } from './leaf.ts';
import { dayMs } from './lifetimes.ts';
import { decideAuthorities, decideLeaf } from './renewal.ts';

const nowMs = Date.parse('2026-03-01T12:00:00.789Z');
const identity: Identity = { kind: 'member', trustDomain: 'hallkeeper.dev', pairUid: 'uid-1', name: 'a' };
const wish: LeafWish = {
  identity,
  commonName: 'hallkeeper-member',
  dnsNames: ['pair.hall.example'],
  ipAddresses: ['10.1.2.3', 'FD00::0001'],
  usages: ['server', 'client'],
  nowMs,
};

let authority: Authority;
let leaf: Leaf;

beforeAll(async () => {
  authority = await createAuthority({ commonName: 'hallkeeper-north-ca', nowMs });
  leaf = await issueLeaf(authority, wish);
});

test('a leaf says what was asked for, and lives 90 days', () => {
  expect(inspectCertificate(leaf.certificatePem)).toMatchObject({
    identity,
    commonName: 'hallkeeper-member',
    dnsNames: ['pair.hall.example'],
    ipAddresses: ['10.1.2.3', 'fd00::1'],
    usages: ['server', 'client'],
    isAuthority: false,
    notBeforeMs: Date.parse('2026-03-01T11:00:00Z'),
    notAfterMs: Date.parse('2026-05-30T12:00:00Z'),
  });
  expect(leaf.notAfterMs).toBe(Date.parse('2026-05-30T12:00:00Z'));
});

test('two leaves of one wish share neither key nor serial', async () => {
  const other = await issueLeaf(authority, wish);
  expect(inspectCertificate(other.certificatePem).serial).not.toBe(inspectCertificate(leaf.certificatePem).serial);
  expect(other.privateKeyPem.reveal()).not.toBe(leaf.privateKeyPem.reveal());
});

test('an authority can be stored and loaded, and then signs as before', async () => {
  const loaded = loadAuthority({ certificatePem: authority.certificatePem, privateKeyPem: authority.privateKeyPem });
  expect(loaded).toEqual(authority);
  expect(
    decideLeaf({
      certificatePem: (await issueLeaf(loaded, wish)).certificatePem,
      wanted: wish,
      authorityPem: authority.certificatePem,
      nowMs,
    }).do,
  ).toBe('keep');
});

test('a leaf never outlives its authority', async () => {
  const late = authority.notAfterMs - 10 * dayMs;
  expect((await issueLeaf(authority, { ...wish, nowMs: late })).notAfterMs).toBe(authority.notAfterMs);
});

describe('a leaf is refused', () => {
  test.each<[string, Partial<LeafWish>, RegExp]>([
    ['without usages', { usages: [] }, /usage/],
    ['with a common name too long for X.520', { commonName: 'x'.repeat(65) }, /common name/],
    ['with a common name that is hexadecimal notation', { commonName: '#0c0178' }, /common name/],
    ['with a second attribute in its common name', { commonName: 'a, CN=b' }, /common name/],
    ['with a DNS name in upper case', { dnsNames: ['Pair.example'] }, /"Pair.example"/],
    ['with a DNS name that holds a comma', { dnsNames: ['a, URI:spiffe://x/operator'] }, /DNS name/],
    ['with an address among the DNS names', { dnsNames: ['10.0.0.1'] }, /DNS name/],
    ['with a name among the addresses', { ipAddresses: ['pair.example'] }, /IP address/],
    ['for ever', { lifetimeDays: 10_000 }, /lifetime/],
    ['for no time', { lifetimeDays: 0 }, /lifetime/],
    ['for a time that is no number', { lifetimeDays: Number.NaN }, /lifetime/],
    ['by an authority that has expired', { nowMs: nowMs + 4_000 * dayMs }, /not valid now/],
  ])('%s', async (_why, change, message) => {
    await expect(issueLeaf(authority, { ...wish, ...change })).rejects.toMatchObject({
      code: 'HK_CERT_REQUEST_INVALID',
      message: expect.stringMatching(message),
    });
  });
  test('with every problem named at once', async () => {
    const bad = { ...wish, usages: [], dnsNames: ['A'], ipAddresses: ['b'] };
    await expect(issueLeaf(authority, bad)).rejects.toThrow(/usage.*"A".*"b"/);
  });
  test('with an identity that is none', async () => {
    await expect(issueLeaf(authority, { ...wish, identity: { ...identity, name: 'a/b' } })).rejects.toMatchObject({
      code: 'HK_IDENTITY_INVALID',
    });
  });
});

describe('stored material is refused', () => {
  test('when the key belongs to another certificate', async () => {
    const other = await createAuthority({ commonName: 'other', nowMs });
    const mixed = { certificatePem: authority.certificatePem, privateKeyPem: other.privateKeyPem };
    expect(() => loadAuthority(mixed)).toThrow(expect.objectContaining({ code: 'HK_CERT_KEY_MISMATCH' }));
    expect(() => requireKeyPair({ ...leaf, privateKeyPem: other.privateKeyPem })).toThrow(
      expect.objectContaining({ code: 'HK_CERT_KEY_MISMATCH' }),
    );
  });
  test('when a leaf poses as an authority', () => {
    expect(() => loadAuthority(leaf)).toThrow(expect.objectContaining({ code: 'HK_CERT_INVALID' }));
  });
  test('when it is damaged, without a word of the key in the error', () => {
    const torn = authority.privateKeyPem.reveal().slice(0, 120);
    let caught: unknown;
    try {
      loadAuthority({ ...authority, privateKeyPem: new Secret(torn) });
    } catch (error) {
      caught = error;
    }
    expect(caught).toMatchObject({ code: 'HK_CERT_INVALID' });
    expect(inspect(caught, { depth: 10 })).not.toContain(torn.slice(40, 60));
    expect(() => inspectCertificate('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----')).toThrow(
      expect.objectContaining({ code: 'HK_CERT_INVALID' }),
    );
  });
});

test('keys do not show themselves', () => {
  const key = leaf.privateKeyPem.reveal().split('\n')[1] ?? '';
  expect(key).not.toBe('');
  expect(`${JSON.stringify(leaf)}${inspect(authority)}`).not.toContain(key);
});

test('a bundle keeps its order, drops repetitions and text, and is bounded', () => {
  const bundle = joinCertificates([authority.certificatePem, `a remark\n${leaf.certificatePem}`, authority.certificatePem]);
  expect(bundle).toBe(authority.certificatePem + leaf.certificatePem);
  expect(splitCertificates(bundle)).toHaveLength(2);
  expect(() => splitCertificates(' '.repeat(2_000_000))).toThrow(expect.objectContaining({ code: 'HK_CERT_INVALID' }));
  expect(() => splitCertificates(authority.certificatePem.repeat(33))).toThrow(expect.objectContaining({ code: 'HK_CERT_INVALID' }));
});

test('addresses have one spelling', () => {
  expect(['FD00:0:0:0:0:0:0:1', 'fd00::1', '::ffff:10.0.0.1', '10.0.0.1'].map(canonicalAddress)).toEqual([
    'fd00::1',
    'fd00::1',
    '::ffff:10.0.0.1',
    '10.0.0.1',
  ]);
});

describe('a leaf', () => {
  const ask = (change: Partial<Parameters<typeof decideLeaf>[0]>): ReturnType<typeof decideLeaf> =>
    decideLeaf({ certificatePem: leaf.certificatePem, wanted: wish, authorityPem: authority.certificatePem, nowMs, ...change });

  test('is kept for 30 days, so that 60 are always left', () => {
    expect(ask({ nowMs: nowMs + 29.9 * dayMs })).toEqual({ do: 'keep', dueAtMs: Date.parse('2026-03-31T12:00:00Z') });
    expect(ask({ nowMs: nowMs + 30 * dayMs })).toEqual({ do: 'issue', why: 'age' });
  });
  test('is kept when the same names come in another order or spelling', () => {
    expect(ask({ wanted: { ...wish, ipAddresses: ['fd00:0::1', '10.1.2.3'], usages: ['client', 'server'] } }).do).toBe('keep');
  });
  test.each([
    ['there is none', { certificatePem: undefined }, 'none'],
    ['it is damaged', { certificatePem: 'x' }, 'unreadable'],
    ['the address changed', { wanted: { ...wish, ipAddresses: ['10.1.2.4'] } }, 'names'],
    ['a DNS name came', { wanted: { ...wish, dnsNames: ['pair.hall.example', 'new.example'] } }, 'names'],
    ['a usage went', { wanted: { ...wish, usages: ['server' as const] } }, 'names'],
    ['the identity changed', { wanted: { ...wish, identity: { ...identity, name: 'b' } } }, 'names'],
  ])('is issued when %s', (_why, change, why) => {
    expect(ask(change)).toEqual({ do: 'issue', why });
  });
  test('is issued when another authority signs now', async () => {
    const successor = await createAuthority({ commonName: authority.commonName, nowMs });
    expect(ask({ authorityPem: successor.certificatePem })).toEqual({ do: 'issue', why: 'authority' });
  });
});

describe('the succession of authorities', () => {
  const aged = (startDay: number, endDay: number): { notBeforeMs: number; notAfterMs: number } => ({
    notBeforeMs: startDay * dayMs - 3_600_000,
    notAfterMs: endDay * dayMs,
  });
  const first = aged(0, 3_650);
  const second = aged(3_290, 6_940);
  test.each([
    ['with none, one is created', [], 0, { create: true, signWith: undefined, trusted: [], drop: [] }],
    ['the first one signs from its first second', [first], 0, { create: false, signWith: first, trusted: [first], drop: [] }],
    ['a year before its end a successor is created', [first], 3_286, { create: true, signWith: first, trusted: [first], drop: [] }],
    ['a fresh successor is only trusted', [second, first], 3_300, { create: false, signWith: first, trusted: [first, second], drop: [] }],
    [
      'after 90 days it signs, and the old one is still trusted',
      [first, second],
      3_380,
      { create: false, signWith: second, trusted: [first, second], drop: [] },
    ],
    ['the expired one is dropped', [first, second], 3_650, { create: false, signWith: second, trusted: [second], drop: [first] }],
    [
      'a late successor signs at once when nothing else is valid',
      [first, aged(3_649, 7_000)],
      3_651,
      { create: false, signWith: aged(3_649, 7_000), trusted: [aged(3_649, 7_000)], drop: [first] },
    ],
  ])('%s', (_what, authorities, day, expected) => {
    expect(decideAuthorities(authorities, day * dayMs)).toEqual(expected);
  });
});
