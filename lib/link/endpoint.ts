import { isIP } from 'node:net';

/** One address of one server. */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

export function formatEndpoint({ address, port }: Endpoint): string {
  return isIP(address) === 6 ? `[${address}]:${port}` : `${address}:${port}`;
}

/** The target text of grpc-js for a literal address: nothing is resolved. */
export function targetOf(endpoint: Endpoint): string {
  return `${isIP(endpoint.address) === 6 ? 'ipv6' : 'ipv4'}:${formatEndpoint(endpoint)}`;
}

/** The same endpoints without repetition, in order. */
export function distinct(endpoints: readonly Endpoint[]): readonly Endpoint[] {
  return [...new Map(endpoints.map((endpoint) => [formatEndpoint(endpoint), endpoint])).values()];
}

/**
 * Where the members of a pair are now. Asked before each connection, so that a changed DNS answer is followed by a new connection.
 * Never fails: without any answer the fixed and last good addresses are left.
 */
export type FindEndpoints = (signal: AbortSignal) => Promise<readonly Endpoint[]>;
