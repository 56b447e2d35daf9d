import { dnsLabel } from '#lib/base/dns-label.ts';
import { readFields } from '#lib/base/fields.ts';
import { readHttpSettings } from '#lib/http/http-settings.ts';
import type { HttpSettings } from '#lib/http/http-settings.ts';
import { readEndpointSources } from '#lib/link/endpoint-settings.ts';
import type { EndpointSources } from '#lib/link/find-endpoints.ts';
import { readTrustDomain } from '#lib/pki/trust-domain.ts';

/** Settings of the terminal exporter of one hall, checked and complete. */
export interface ExporterSettings {
  readonly hall: string;
  readonly trustDomain: string;
  readonly pair: { readonly uid: string };
  /** Where the members, and with them the hall server, are called. */
  readonly endpoint: EndpointSources;
  /** The exporter's certificate for the hall server, and the authority of the pair. Read again before every connection. */
  readonly tls: { readonly certificateFile: string; readonly keyFile: string; readonly pairCaFile: string };
  /** Where `/metrics` and health are served. */
  readonly http: HttpSettings;
}

/** Outside the range of the public list of exporters. */
const portFallback = 9_850;

/**
 * Reads the content of the exporter's YAML file.
 *
 * @throws HK_OPTIONS_INVALID  naming every problem.
 */
export function parseExporterSettings(raw: unknown): ExporterSettings {
  const field = readFields(raw);
  const pair = field.group('pair');
  const tls = field.group('tls');
  const settings: ExporterSettings = {
    hall: field.text('hall', dnsLabel),
    trustDomain: readTrustDomain(field),
    pair: { uid: pair.text('uid', { ...dnsLabel, shape: 'the UID of the FailoverPair' }) },
    endpoint: readEndpointSources(field.group('endpoint')),
    tls: { certificateFile: tls.text('certificateFile'), keyFile: tls.text('keyFile'), pairCaFile: tls.text('pairCaFile') },
    http: readHttpSettings(field.group('http', { optional: true }), portFallback),
  };
  field.refuseProblems();
  return Object.freeze(settings);
}
