import { isIP } from 'node:net';
import { readFields } from '#lib/base/fields.ts';
import type { Fields } from '#lib/base/fields.ts';
import type { Endpoint } from '#lib/link/endpoint.ts';
import type { EndpointSources } from '#lib/link/find-endpoints.ts';

/** Settings of one terminal agent, checked and complete. */
export interface TerminalSettings {
  readonly hall: string;
  readonly terminal: string;
  readonly trustDomain: string;
  readonly pair: { readonly uid: string };
  /** Where the members are called. */
  readonly endpoint: EndpointSources;
  readonly tls: { readonly certificateFile: string; readonly keyFile: string; readonly pairCaFile: string };
  /** Folder for what must outlive a restart: the highest epoch seen of each pair. */
  readonly stateDirectory: string;
}

const namePattern = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const nameShape = 'a name of at most 63 lower-case letters, digits and hyphens';
const addressesMax = 8;

/**
 * Reads the content of `terminal.yaml`.
 *
 * @throws HK_OPTIONS_INVALID  naming every problem.
 */
export function parseTerminalSettings(raw: unknown): TerminalSettings {
  const field = readFields(raw);
  const pair = field.group('pair');
  const tls = field.group('tls');
  const settings: TerminalSettings = {
    hall: field.text('hall', { pattern: namePattern, shape: nameShape }),
    terminal: field.text('terminal', { pattern: namePattern, shape: nameShape }),
    trustDomain: field.text('trustDomain', { pattern: /^[a-z0-9][-a-z0-9.]{0,253}$/, shape: 'a DNS name', fallback: 'hallkeeper.dev' }),
    pair: { uid: pair.text('uid', { pattern: namePattern, shape: 'the UID of the FailoverPair' }) },
    endpoint: parseEndpointSources(field.group('endpoint')),
    tls: { certificateFile: tls.text('certificateFile'), keyFile: tls.text('keyFile'), pairCaFile: tls.text('pairCaFile') },
    stateDirectory: field.text('stateDirectory', { pattern: /^\//, shape: 'an absolute path' }),
  };
  field.refuseProblems();
  return Object.freeze(settings);
}

/** Reads where members are called: a DNS name, its servers, and addresses that are tried whatever DNS says. */
export function parseEndpointSources(field: Fields): EndpointSources {
  const port = field.wholeNumber('port', { min: 1, max: 65_535 });
  const name = field.optionalText('name', { pattern: /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?\.?$/, shape: 'a DNS name in lower case' });
  const shape = 'an IP address, with a port when it differs: 10.1.1.2, 10.1.1.2:7443 or [2001:db8::1]:7443';
  const fixed = field.texts('addresses', { max: addressesMax }).flatMap((text, index) => {
    const endpoint = endpointOf(text, port);
    if (endpoint === undefined) field.problem(`addresses[${index}]`, `must be ${shape}`);
    return endpoint === undefined ? [] : [endpoint];
  });
  const resolvers = field.texts('resolvers', { max: addressesMax });
  for (const [index, text] of resolvers.entries()) {
    if (endpointOf(text, 53) === undefined)
      field.problem(`resolvers[${index}]`, 'must be the IP address of a DNS server, with a port when it is not 53');
  }
  if (name === undefined && fixed.length === 0) field.problem('name', 'or addresses must say where the members are');
  return { ...(name === undefined ? {} : { name }), port, resolvers, fixed };
}

function endpointOf(text: string, port: number): Endpoint | undefined {
  if (isIP(text) !== 0) return { address: text, port };
  const found = /^(?:\[([0-9a-f:.]+)\]|([0-9.]+)):([0-9]{1,5})$/i.exec(text);
  const address = found?.[1] ?? found?.[2] ?? '';
  const own = Number(found?.[3]);
  return isIP(address) !== 0 && own >= 1 && own <= 65_535 ? { address, port: own } : undefined;
}
