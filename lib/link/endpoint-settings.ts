import { isIP } from 'node:net';
import { dnsName } from '#lib/base/dns-label.ts';
import type { Fields } from '#lib/base/fields.ts';
import type { Endpoint } from './endpoint.ts';
import type { EndpointSources } from './find-endpoints.ts';

const addressesMax = 8;
const dnsPort = 53;
/** An absolute name may end with its dot. */
const name = { pattern: new RegExp(dnsName.pattern.source.replace(/\$$/, '\\.?$')), shape: dnsName.shape };
const shapes = {
  addresses: 'must be an IP address, with a port when it differs: 10.1.1.2, 10.1.1.2:7443 or [2001:db8::1]:7443',
  resolvers: `must be the IP address of a DNS server, with a port when it is not ${dnsPort}`,
} as const;

/** Reads where members are called: a DNS name, its servers (none: the machine's own), and addresses that are tried whatever DNS says. */
export function readEndpointSources(field: Fields): EndpointSources {
  const port = field.wholeNumber('port', { min: 1, max: 65_535 });
  const asked = field.optionalText('name', name);
  const fixed = readEndpoints(field, 'addresses', port).map(([, endpoint]) => endpoint);
  const resolvers = readEndpoints(field, 'resolvers', dnsPort).map(([text]) => text);
  if (!field.has('name') && fixed.length === 0) field.problem('name', 'or addresses must say where the members are');
  return { ...(asked === undefined ? {} : { name: asked }), port, resolvers, fixed };
}

/** The texts of a list that name an endpoint, each with it. */
function readEndpoints(field: Fields, list: keyof typeof shapes, port: number): readonly (readonly [string, Endpoint])[] {
  return field.texts(list, { max: addressesMax }).flatMap((text, index) => {
    const endpoint = endpointOf(text, port);
    if (endpoint === undefined) field.problem(`${list}[${index}]`, shapes[list]);
    return endpoint === undefined ? [] : [[text, endpoint] as const];
  });
}

function endpointOf(text: string, port: number): Endpoint | undefined {
  if (isIP(text) !== 0) return { address: text, port };
  const found = /^(?:\[([0-9a-f:.]+)\]|([0-9.]+)):([0-9]{1,5})$/i.exec(text);
  const address = found?.[1] ?? found?.[2] ?? '';
  const own = Number(found?.[3]);
  return isIP(address) !== 0 && own >= 1 && own <= 65_535 ? { address, port: own } : undefined;
}
