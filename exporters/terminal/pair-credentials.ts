import { readFileSync } from 'node:fs';
import type { ChannelCredentials } from '@grpc/grpc-js';
import { Secret } from '#lib/base/secret.ts';
import { clientCredentials } from '#lib/link/credentials.ts';
import { anyMemberOf, clientTls, pairAuthority } from '#lib/pki/trust.ts';
import type { ExporterSettings } from './settings.ts';

/**
 * Credentials towards the members of the pair, from the files as they are now: a renewed certificate is used by the next connection.
 * Three small files for each connection attempt, which back-off keeps rare.
 *
 * @throws when a file cannot be read or holds no certificate.
 */
export function readPairCredentials({
  tls,
  trustDomain,
  pair,
}: Pick<ExporterSettings, 'tls' | 'trustDomain' | 'pair'>): ChannelCredentials {
  const read = (file: string): string => readFileSync(file, 'utf8');
  const identity = { trustDomain, pairUid: pair.uid };
  const own = { certificatePem: read(tls.certificateFile), privateKeyPem: new Secret(read(tls.keyFile)) };
  const authority = pairAuthority(read(tls.pairCaFile), identity);
  return clientCredentials(clientTls(own, [authority], { expected: anyMemberOf(identity) }));
}
