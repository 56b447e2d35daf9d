import { dnsLabel, dnsName } from '#lib/base/dns-label.ts';
import { invariant, unreachable } from '#lib/base/invariant.ts';
import { pkiErrors } from './errors.ts';

/** A terminal, cash register or exporter of a hall. */
export interface HallIdentity {
  readonly kind: 'terminal' | 'cash-register' | 'exporter';
  readonly trustDomain: string;
  readonly hall: string;
  readonly name: string;
}

/** One of the two members of a pair; `name` is the member's name in the pair's spec. */
export interface MemberIdentity {
  readonly kind: 'member';
  readonly trustDomain: string;
  readonly pairUid: string;
  readonly name: string;
}

/** A client of a pair's database; `role` is the PostgreSQL role, and the common name of its certificate. */
export interface ClientIdentity {
  readonly kind: 'client';
  readonly trustDomain: string;
  readonly pairUid: string;
  readonly role: string;
}

export interface OperatorIdentity {
  readonly kind: 'operator';
  readonly trustDomain: string;
}

/**
 * Who a certificate of ours speaks for. Written as the SPIFFE id in its only SAN URI:
 *
 *   spiffe://<trust domain>/hall/<hall>/terminal|cash-register|exporter/<name>
 *   spiffe://<trust domain>/pair/<pair uid>/member/<name>
 *   spiffe://<trust domain>/pair/<pair uid>/client/<role>
 *   spiffe://<trust domain>/operator
 *
 * Hall, name and pair uid are DNS-1123 labels; a role is lower-case letters, digits, `_` and `-`, at most 63, and does not start
 * with a digit. Comparison is by bytes: nothing is case-folded, percent-decoded or trimmed.
 */
export type Identity = HallIdentity | MemberIdentity | ClientIdentity | OperatorIdentity;
export type IdentityKind = Identity['kind'];

/** The part of a Node peer certificate or `X509Certificate` that names identities. */
export type NamedCertificate =
  { readonly subjectaltname?: string | undefined; readonly subjectAltName?: never } | { readonly subjectAltName?: string | undefined };

/** @throws HK_IDENTITY_INVALID */
export function parseIdentity(uri: string): Identity {
  const found = uri.length <= uriLengthMax ? /^spiffe:\/\/([^/]+)\/(.+)$/.exec(uri) : null;
  const identity = found === null ? undefined : fromPath(found[1] ?? '', (found[2] ?? '').split('/'));
  if (identity === undefined) throw pkiErrors.HK_IDENTITY_INVALID(shown(uri));
  return identity;
}

/** As `parseIdentity`, but undefined instead of an error. */
export function tryParseIdentity(uri: string): Identity | undefined {
  try {
    return parseIdentity(uri);
  } catch {
    return undefined;
  }
}

/** @throws HK_IDENTITY_INVALID  when a part is not a label: what is formatted can always be parsed. */
export function formatIdentity(identity: Identity): string {
  const uri = `spiffe://${identity.trustDomain}/${pathOf(identity)}`;
  invariant(sameIdentity(parseIdentity(uri), identity), 'an identity reads back as it was written');
  return uri;
}

/** Whether both name the same subject of the same trust domain. */
export function sameIdentity(left: Identity, right: Identity): boolean {
  return left.trustDomain === right.trustDomain && left.kind === right.kind && pathOf(left) === pathOf(right);
}

/**
 * The identity a certificate carries. It proves nothing by itself: the chain must have been verified by TLS.
 *
 * @param certificate  `socket.getPeerCertificate()` or an `X509Certificate`.
 * @throws HK_IDENTITY_INVALID  when there is no SAN URI, more than one, or one that is not ours. A certificate with any SAN that
 *                              Node had to quote is refused whole: ours have none, and quoting is where names are smuggled in.
 */
export function identityOf(certificate: NamedCertificate): Identity {
  const names = certificate.subjectAltName ?? ('subjectaltname' in certificate ? certificate.subjectaltname : undefined);
  if (names === undefined || names === '') throw pkiErrors.HK_IDENTITY_INVALID('the certificate has no subject alternative names');
  if (names.includes('"') || names.length > namesLengthMax) {
    throw pkiErrors.HK_IDENTITY_INVALID(`the certificate's names need quoting: ${shown(names)}`);
  }
  const uris = names.split(', ').flatMap((name) => (name.startsWith('URI:') ? [name.slice('URI:'.length)] : []));
  const [uri] = uris;
  if (uri === undefined || uris.length > 1) throw pkiErrors.HK_IDENTITY_INVALID(`the certificate has ${uris.length} URI names, not one`);
  return parseIdentity(uri);
}

/** As `identityOf`, but undefined instead of an error. */
export function tryIdentityOf(certificate: NamedCertificate): Identity | undefined {
  try {
    return identityOf(certificate);
  } catch {
    return undefined;
  }
}

const uriLengthMax = 2_048; // SPIFFE: an id is at most 2,048 bytes
const namesLengthMax = 16_384;

const isLabel = (text: string | undefined): text is string => text !== undefined && dnsLabel.pattern.test(text);
const isRole = (text: string | undefined): text is string => text !== undefined && /^[a-z_][a-z0-9_-]{0,62}$/.test(text);

function fromPath(trustDomain: string, path: readonly string[]): Identity | undefined {
  if (!dnsName.pattern.test(trustDomain)) return undefined;
  const [area, owner, kind, name, ...more] = path;
  if (area === 'operator' && path.length === 1) return { kind: 'operator', trustDomain };
  if (more.length > 0 || !isLabel(owner)) return undefined;
  if (area === 'hall' && isHallKind(kind) && isLabel(name)) return { kind, trustDomain, hall: owner, name };
  if (area === 'pair' && kind === 'member' && isLabel(name)) return { kind, trustDomain, pairUid: owner, name };
  if (area === 'pair' && kind === 'client' && isRole(name)) return { kind, trustDomain, pairUid: owner, role: name };
  return undefined;
}

const isHallKind = (kind: string | undefined): kind is HallIdentity['kind'] =>
  kind === 'terminal' || kind === 'cash-register' || kind === 'exporter';

function pathOf(identity: Identity): string {
  switch (identity.kind) {
    case 'terminal':
    case 'cash-register':
    case 'exporter':
      return `hall/${identity.hall}/${identity.kind}/${identity.name}`;
    case 'member':
      return `pair/${identity.pairUid}/member/${identity.name}`;
    case 'client':
      return `pair/${identity.pairUid}/client/${identity.role}`;
    case 'operator':
      return 'operator';
    default:
      return unreachable(identity);
  }
}

/** What an error may quote: printable ASCII, cut short. The text comes from whoever connected. */
const shown = (text: string): string => `"${text.slice(0, 200).replaceAll(/[^ -~]|"/g, '?')}"`;
