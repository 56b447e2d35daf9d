import { dnsName } from '#lib/base/dns-label.ts';
import type { Fields } from '#lib/base/fields.ts';

export const trustDomainDefault = 'hallkeeper.dev';

/** The setting `trustDomain` of every program: what its identities can be written with. */
export function readTrustDomain(field: Fields): string {
  return field.text('trustDomain', { ...dnsName, fallback: trustDomainDefault });
}
