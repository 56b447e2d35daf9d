import type { X509Certificate } from 'node:crypto';
import { sameIdentity } from './identity.ts';
import { canonicalAddress, inspectCertificate, isIssuedBy, readCertificate } from './inspect.ts';
import type { CertificateFacts } from './inspect.ts';
import type { LeafNames } from './leaf.ts';
import { authorityRolloverDays, authoritySpreadDays, backdatedMs, dayMs, leafLifetimeDays, leafRenewedAtDays } from './lifetimes.ts';

export type LeafDecision =
  | { readonly do: 'keep'; readonly dueAtMs: number }
  | { readonly do: 'issue'; readonly why: 'none' | 'unreadable' | 'names' | 'authority' | 'age' };

export interface LeafQuestion {
  /** The certificate in use, if there is one. */
  readonly certificatePem: string | undefined;
  readonly wanted: LeafNames;
  /** The authority that signs now. */
  readonly authorityPem: string;
  readonly nowMs: number;
}

/**
 * Whether a leaf is replaced: because there is none, its names or usages are not the wanted ones, another authority signs now, or a
 * third of its life has passed (30 of 90 days). A shorter life keeps the proportion.
 */
export function decideLeaf({ certificatePem, wanted, authorityPem, nowMs }: LeafQuestion): LeafDecision {
  if (certificatePem === undefined || certificatePem === '') return { do: 'issue', why: 'none' };
  const read = tryRead(certificatePem);
  if (read === undefined) return { do: 'issue', why: 'unreadable' };
  if (!hasNames(read.facts, wanted)) return { do: 'issue', why: 'names' };
  if (!isIssuedBy(read.certificate, readCertificate(authorityPem))) return { do: 'issue', why: 'authority' };
  const dueAtMs = leafDueAtMs(read.facts);
  return nowMs >= dueAtMs ? { do: 'issue', why: 'age' } : { do: 'keep', dueAtMs };
}

/** When a third of the life has passed. `notBefore` is backdated, so the life is counted from the moment of issue. */
export function leafDueAtMs(facts: { readonly notBeforeMs: number; readonly notAfterMs: number }): number {
  const issuedAtMs = facts.notBeforeMs + backdatedMs;
  return issuedAtMs + ((facts.notAfterMs - issuedAtMs) * leafRenewedAtDays) / leafLifetimeDays;
}

/** One authority of a line of succession. Times in milliseconds since 1970. */
export interface AuthorityAge {
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

export interface AuthorityDecision<T> {
  /** Make a successor now, and ask again with it. */
  readonly create: boolean;
  /** Signs new leaves; undefined when none is valid. */
  readonly signWith: T | undefined;
  /** Trusted by everybody, oldest first: put all of them into every bundle. */
  readonly trusted: readonly T[];
  /** Expired: nothing signed by it is valid any more. */
  readonly drop: readonly T[];
}

/**
 * What to do with the authorities of one owner. A successor is made a year before the end and is at first only trusted: it signs
 * after 90 days, when everybody who was offline has the bundle with both. The old one stays trusted until it expires.
 */
export function decideAuthorities<T extends AuthorityAge>(authorities: readonly T[], nowMs: number): AuthorityDecision<T> {
  const byAge = [...authorities].sort((left, right) => left.notBeforeMs - right.notBeforeMs || left.notAfterMs - right.notAfterMs);
  const trusted = byAge.filter(({ notAfterMs }) => nowMs < notAfterMs);
  const drop = byAge.filter(({ notAfterMs }) => nowMs >= notAfterMs);
  const usable = trusted.filter(({ notBeforeMs }) => nowMs >= notBeforeMs);
  const spread = usable.filter(({ notBeforeMs }) => nowMs - notBeforeMs - backdatedMs >= authoritySpreadDays * dayMs);
  const newest = trusted.at(-1);
  const create = newest === undefined || newest.notAfterMs - nowMs < authorityRolloverDays * dayMs;
  return { create, signWith: spread.at(-1) ?? usable[0], trusted, drop };
}

function tryRead(pem: string): { readonly certificate: X509Certificate; readonly facts: CertificateFacts } | undefined {
  try {
    return { certificate: readCertificate(pem), facts: inspectCertificate(pem) };
  } catch {
    return undefined;
  }
}

function hasNames(facts: CertificateFacts, wanted: LeafNames): boolean {
  return (
    facts.identity !== undefined &&
    sameIdentity(facts.identity, wanted.identity) &&
    facts.commonName === wanted.commonName &&
    sameTexts(facts.dnsNames, wanted.dnsNames ?? []) &&
    sameTexts(facts.ipAddresses, (wanted.ipAddresses ?? []).map(canonicalAddress)) &&
    sameTexts(facts.usages, wanted.usages)
  );
}

function sameTexts(left: readonly string[], right: readonly string[]): boolean {
  const first = new Set(left);
  const second = new Set(right);
  return first.size === second.size && [...first].every((text) => second.has(text));
}
