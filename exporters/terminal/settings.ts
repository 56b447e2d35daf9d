import { isIP } from 'node:net';
import { readFields } from '#lib/base/fields.ts';
import type { Fields } from '#lib/base/fields.ts';
import { readHttpSettings } from '#lib/http/http-settings.ts';
import type { HttpSettings } from '#lib/http/http-settings.ts';
import type { Endpoint } from '#lib/link/endpoint.ts';
import type { EndpointSources } from '#lib/link/find-endpoints.ts';

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
const addressesMax = 8;
const namePattern = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const nameShape = 'a name of at most 63 lower-case letters, digits and hyphens';

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
    hall: field.text('hall', { pattern: namePattern, shape: nameShape }),
    trustDomain: field.text('trustDomain', { pattern: /^[a-z0-9][-a-z0-9.]{0,253}$/, shape: 'a DNS name', fallback: 'hallkeeper.dev' }),
    pair: { uid: pair.text('uid', { pattern: namePattern, shape: 'the UID of the FailoverPair' }) },
    endpoint: readEndpointSources(field.group('endpoint')),
    tls: { certificateFile: tls.text('certificateFile'), keyFile: tls.text('keyFile'), pairCaFile: tls.text('pairCaFile') },
    http: readHttpSettings(field.group('http', { optional: true }), portFallback),
  };
  field.refuseProblems();
  return Object.freeze(settings);
}

/** A DNS name, the DNS servers to ask (the machine's own when there is none), and addresses that are tried whatever DNS says. */
function readEndpointSources(field: Fields): EndpointSources {
  const port = field.wholeNumber('port', { min: 1, max: 65_535 });
  const name = field.optionalText('name', { pattern: /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?\.?$/, shape: 'a DNS name in lower case' });
  const fixed = readEndpoints(field, 'addresses', port);
  const resolvers = field.texts('resolvers', { max: addressesMax });
  readEndpoints(field, 'resolvers', 53);
  if (name === undefined && fixed.length === 0) field.problem('name', 'or addresses must say where the members are');
  return { ...(name === undefined ? {} : { name }), port, resolvers, fixed };
}

function readEndpoints(field: Fields, name: string, port: number): readonly Endpoint[] {
  return field.texts(name, { max: addressesMax }).flatMap((text, index) => {
    const found = /^(?:\[([0-9a-f:.]+)\]|([0-9.]+)):([0-9]{1,5})$/i.exec(text);
    const address = found?.[1] ?? found?.[2] ?? text;
    const own = found === null ? port : Number(found[3]);
    if (isIP(address) !== 0 && own >= 1 && own <= 65_535) return [{ address, port: own }];
    field.problem(`${name}[${index}]`, 'must be an IP address, with a port when it differs: 10.1.1.2, 10.1.1.2:7443 or [2001:db8::1]:7443');
    return [];
  });
}
