import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatIdentity, identityOf, parseIdentity, sameIdentity, tryIdentityOf, tryParseIdentity } from './identity.ts';
import type { Identity } from './identity.ts';

const trustDomain = 'hallkeeper.dev';
const pairUid = '0f8fad5b-d9cb-469f-a165-70867728950e';

const identities: readonly (readonly [string, Identity])[] = [
  ['spiffe://hallkeeper.dev/hall/north/terminal/t-01', { kind: 'terminal', trustDomain, hall: 'north', name: 't-01' }],
  ['spiffe://hallkeeper.dev/hall/north/cash-register/kasse-1', { kind: 'cash-register', trustDomain, hall: 'north', name: 'kasse-1' }],
  ['spiffe://hallkeeper.dev/hall/north/exporter/terminals', { kind: 'exporter', trustDomain, hall: 'north', name: 'terminals' }],
  [`spiffe://hallkeeper.dev/pair/${pairUid}/member/a`, { kind: 'member', trustDomain, pairUid, name: 'a' }],
  [`spiffe://hallkeeper.dev/pair/${pairUid}/client/hallkeeper_canary`, { kind: 'client', trustDomain, pairUid, role: 'hallkeeper_canary' }],
  ['spiffe://hallkeeper.dev/operator', { kind: 'operator', trustDomain }],
];

test.each(identities)('%s is read and written', (uri, identity) => {
  expect(parseIdentity(uri)).toEqual(identity);
  expect(formatIdentity(identity)).toBe(uri);
});

describe('a text that is not exactly one of ours is refused', () => {
  test.each([
    ['another scheme', 'https://hallkeeper.dev/operator'],
    ['upper case in the scheme', 'SPIFFE://hallkeeper.dev/operator'],
    ['upper case in a name', 'spiffe://hallkeeper.dev/hall/North/terminal/t'],
    ['no trust domain', 'spiffe:///operator'],
    ['a port', 'spiffe://hallkeeper.dev:443/operator'],
    ['a user', 'spiffe://root@hallkeeper.dev/operator'],
    ['an empty label in the trust domain', 'spiffe://hallkeeper..dev/operator'],
    ['a slash at the end', 'spiffe://hallkeeper.dev/operator/'],
    ['a doubled slash', 'spiffe://hallkeeper.dev//operator'],
    ['dots that climb', 'spiffe://hallkeeper.dev/hall/north/terminal/../exporter/x'],
    ['percent encoding', 'spiffe://hallkeeper.dev/hall/north/terminal/t%2d1'],
    ['a query', 'spiffe://hallkeeper.dev/operator?x'],
    ['a fragment', 'spiffe://hallkeeper.dev/operator#x'],
    ['an unknown kind', 'spiffe://hallkeeper.dev/hall/north/door/1'],
    ['a kind of the other area', `spiffe://hallkeeper.dev/pair/${pairUid}/terminal/t`],
    ['a name too long', `spiffe://hallkeeper.dev/hall/north/terminal/${'t'.repeat(64)}`],
    ['a name that ends in a hyphen', 'spiffe://hallkeeper.dev/hall/north/terminal/t-'],
    ['a role that starts with a digit', `spiffe://hallkeeper.dev/pair/${pairUid}/client/1x`],
    ['one segment too many', 'spiffe://hallkeeper.dev/hall/north/terminal/t/x'],
    ['a new line at the end', 'spiffe://hallkeeper.dev/operator\n'],
    ['nothing', ''],
  ])('%s', (_why, uri) => {
    expect(tryParseIdentity(uri)).toBeUndefined();
    expect(() => parseIdentity(uri)).toThrow(expect.objectContaining({ code: 'HK_IDENTITY_INVALID' }));
  });
});

test('an identity with a bad part cannot be written', () => {
  for (const name of ['a/b', '', 'ä', 'a b']) {
    expect(() => formatIdentity({ kind: 'terminal', trustDomain, hall: 'north', name })).toThrow(
      expect.objectContaining({ code: 'HK_IDENTITY_INVALID' }),
    );
  }
});

describe('the identity of a certificate', () => {
  const uri = 'spiffe://hallkeeper.dev/operator';
  test('is its only SAN URI, in both spellings of Node', () => {
    expect(identityOf({ subjectaltname: `DNS:a.example, URI:${uri}, IP Address:10.0.0.1` })).toEqual({
      kind: 'operator',
      trustDomain,
    });
    expect(identityOf({ subjectAltName: `URI:${uri}` })).toEqual({ kind: 'operator', trustDomain });
  });
  test.each([
    ['no names at all', undefined],
    ['no URI', 'DNS:a.example'],
    ['two URIs', `URI:${uri}, URI:spiffe://hallkeeper.dev/hall/north/terminal/t`],
    ['the same URI twice', `URI:${uri}, URI:${uri}`],
    ['a DNS name that pretends to hold a URI, as Node quotes it', String.raw`DNS:"x\u002c URI:${uri}"`],
    ['a quoted name beside a good URI', String.raw`URI:${uri}, DNS:"x\u002c y"`],
    ['a URI in lower-case spelling', `uri:${uri}`],
  ])('is refused with %s', (_why, subjectaltname) => {
    expect(tryIdentityOf({ subjectaltname })).toBeUndefined();
  });
});

test('any text is refused or reads back the same', () => {
  const segment = fc.oneof(
    fc.constantFrom('hall', 'pair', 'operator', 'terminal', 'member', 'client', '..', ''),
    fc.string({ maxLength: 8 }),
  );
  const uri = fc.array(segment, { maxLength: 6 }).map((path) => `spiffe://${path.join('/')}`);
  fc.assert(
    fc.property(fc.oneof(uri, fc.string()), (text) => {
      const identity = tryParseIdentity(text);
      return identity === undefined || (formatIdentity(identity) === text && sameIdentity(identity, parseIdentity(text)));
    }),
  );
});
