import 'reflect-metadata';
import { isIP } from 'node:net';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
import type { JsonGeneralName } from '@peculiar/x509';
import type { Secret } from '#lib/base/secret.ts';
import type { Authority } from './authority.ts';
import { pkiErrors } from './errors.ts';
import { formatIdentity } from './identity.ts';
import type { Identity } from './identity.ts';
import { isCommonName, keyAlgorithm, newSerial, privateKeyPemOf, signatureAlgorithm, signingKeyOf, wholeSecond } from './keys.ts';
import { backdatedMs, dayMs, leafLifetimeDays } from './lifetimes.ts';

/** What a leaf says. SPIFFE allows exactly one identity in a certificate, so there is exactly one here. */
export interface LeafNames {
  readonly identity: Identity;
  /** `hallkeeper-member`, or the PostgreSQL role of a database client: `pg_hba` compares the common name. At most 64 characters. */
  readonly commonName: string;
  /** Names clients dial; lower case, no trailing dot. */
  readonly dnsNames?: readonly string[];
  readonly ipAddresses?: readonly string[];
  readonly usages: readonly ('server' | 'client')[];
}

export interface LeafWish extends LeafNames {
  /** Wall time, `Clock.wallMs()`. */
  readonly nowMs: number;
  readonly lifetimeDays?: number;
}

export interface Leaf {
  readonly certificatePem: string;
  readonly privateKeyPem: Secret;
  readonly notAfterMs: number;
}

/**
 * Makes a key and a certificate for it, ECDSA P-256, with a random serial of 128 bits. The certificate never outlives its authority.
 *
 * @throws HK_CERT_REQUEST_INVALID  naming every problem of the wish, or when the authority is not valid at `nowMs`.
 * @throws HK_IDENTITY_INVALID
 * @see RFC 5280 4.2.1; SPIFFE X509-SVID
 */
export async function issueLeaf(authority: Authority, wish: LeafWish): Promise<Leaf> {
  const lifetimeDays = wish.lifetimeDays ?? leafLifetimeDays;
  refuseProblems(authority, wish, lifetimeDays);
  const issuer = new X509Certificate(authority.certificatePem);
  const signingKey = await signingKeyOf(authority.privateKeyPem);
  const keys = await crypto.subtle.generateKey(keyAlgorithm, true, ['sign', 'verify']);
  const notAfterMs = Math.min(wholeSecond(wish.nowMs + lifetimeDays * dayMs), authority.notAfterMs);
  const names: JsonGeneralName[] = [
    { type: 'url', value: formatIdentity(wish.identity) },
    ...(wish.dnsNames ?? []).map((value) => ({ type: 'dns' as const, value })),
    ...(wish.ipAddresses ?? []).map((value) => ({ type: 'ip' as const, value })),
  ];
  const certificate = await X509CertificateGenerator.create({
    serialNumber: newSerial(),
    subject: [{ CN: [wish.commonName] }],
    issuer: issuer.subjectName,
    notBefore: new Date(wholeSecond(wish.nowMs - backdatedMs)),
    notAfter: new Date(notAfterMs),
    signingAlgorithm: signatureAlgorithm,
    publicKey: keys.publicKey,
    signingKey,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension(
        wish.usages.map((usage) => (usage === 'server' ? ExtendedKeyUsage.serverAuth : ExtendedKeyUsage.clientAuth)),
      ),
      new SubjectAlternativeNameExtension(names),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
      await AuthorityKeyIdentifierExtension.create(issuer.publicKey),
    ],
  });
  return { certificatePem: `${certificate.toString('pem')}\n`, privateKeyPem: await privateKeyPemOf(keys.privateKey), notAfterMs };
}

const namesMax = 64;
const lifetimeDaysMax = 398;

function refuseProblems(authority: Authority, wish: LeafWish, lifetimeDays: number): void {
  const problems: string[] = [];
  const dnsNames = wish.dnsNames ?? [];
  const ipAddresses = wish.ipAddresses ?? [];
  if (!isCommonName(wish.commonName)) problems.push('the common name must be 1 to 64 letters, digits, spaces, _, - or dots');
  if (wish.usages.length === 0) problems.push('a usage, server or client, is required');
  if (new Set(wish.usages).size !== wish.usages.length) problems.push('a usage is named twice');
  if (dnsNames.length + ipAddresses.length > namesMax) problems.push(`more than ${namesMax} names and addresses`);
  for (const name of dnsNames) if (!isHostName(name)) problems.push(`"${name}" is not a DNS name in lower case`);
  for (const address of ipAddresses) if (isIP(address) === 0) problems.push(`"${address}" is not an IP address`);
  if (!(lifetimeDays > 0 && lifetimeDays <= lifetimeDaysMax))
    problems.push(`the lifetime must be above 0 and at most ${lifetimeDaysMax} days`);
  if (wish.nowMs < authority.notBeforeMs || wish.nowMs >= authority.notAfterMs) {
    problems.push(`the authority "${authority.commonName}" is not valid now; it ends ${new Date(authority.notAfterMs).toISOString()}`);
  }
  if (problems.length > 0) throw pkiErrors.HK_CERT_REQUEST_INVALID(problems.join('; '));
}

const isHostName = (name: string): boolean =>
  name.length <= 253 && name.split('.').every((label) => /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(label)) && isIP(name) === 0;
