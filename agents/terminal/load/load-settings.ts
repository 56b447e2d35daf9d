import { dnsLabel } from '#lib/base/dns-label.ts';
import { readFields } from '#lib/base/fields.ts';
import { readEndpointSources } from '#lib/link/endpoint-settings.ts';
import type { EndpointSources } from '#lib/link/find-endpoints.ts';
import { readTrustDomain } from '#lib/pki/trust-domain.ts';

/** Settings of the load program: many terminals of one hall in one process. */
export interface LoadSettings {
  readonly hall: string;
  readonly trustDomain: string;
  readonly pair: { readonly uid: string };
  readonly endpoint: EndpointSources;
  readonly pairCaFile: string;
  /** Holds `<terminal>.crt` and `<terminal>.key` for each. */
  readonly certificateDirectory: string;
  readonly terminals: readonly string[];
}

const terminalsMax = 5_000;

/** @throws HK_OPTIONS_INVALID  naming every problem. */
export function parseLoadSettings(raw: unknown): LoadSettings {
  const field = readFields(raw);
  const pair = field.group('pair');
  const settings: LoadSettings = {
    hall: field.text('hall', dnsLabel),
    trustDomain: readTrustDomain(field),
    pair: { uid: pair.text('uid', { ...dnsLabel, shape: 'the UID of the FailoverPair' }) },
    endpoint: readEndpointSources(field.group('endpoint')),
    pairCaFile: field.text('pairCaFile'),
    certificateDirectory: field.text('certificateDirectory'),
    terminals: field.texts('terminals', { min: 1, max: terminalsMax, ...dnsLabel }),
  };
  field.refuseProblems();
  return Object.freeze(settings);
}
