import type { FailoverPair } from '#lib/api/failoverpair.gen.ts';
import { canonicalAddress } from '#lib/pki/inspect.ts';
import { formatEndpoint } from '#lib/link/endpoint.ts';
import type { Endpoint } from '#lib/link/endpoint.ts';

/** Key of the connection hints in the Secrets of terminals and exporters. */
export const connectionKey = 'connection.json';

/** Where the hall servers of the pair are called, one for each member that has an address. */
export function endpointsOf({ spec }: FailoverPair): readonly Endpoint[] {
  return spec.members.flatMap(({ host }) =>
    host === undefined ? [] : [{ address: canonicalAddress(host.address), port: spec.hallServer.port }],
  );
}

/**
 * What a terminal agent or exporter must know to call the pair, in the shape of its settings file, where certificate files and folders
 * are added.
 */
export interface ConnectionHints {
  readonly hall: string;
  /** Absent for an exporter. */
  readonly terminal?: string;
  readonly trustDomain: string;
  readonly pair: { readonly uid: string };
  readonly endpoint: {
    /** The pair's DNS name. */
    readonly name?: string;
    readonly port: number;
    readonly addresses: readonly string[];
    /** The servers of the pair's zone, as `address:port`: they know of a failover first. */
    readonly resolvers: readonly string[];
  };
}

export function connectionHints(
  pair: FailoverPair,
  { hall, terminal, trustDomain }: { readonly hall: string; readonly terminal?: string; readonly trustDomain: string },
): ConnectionHints {
  const { dns, hallServer } = pair.spec;
  return {
    hall,
    ...(terminal === undefined ? {} : { terminal }),
    trustDomain,
    pair: { uid: pair.metadata.uid },
    endpoint: {
      ...(dns === undefined ? {} : { name: dns.name.toLowerCase() }),
      port: hallServer.port,
      addresses: endpointsOf(pair).map(({ address }) => address),
      resolvers: (dns?.servers ?? []).map(formatEndpoint),
    },
  };
}

/** The text of `connection.json`. */
export const formatHints = (hints: ConnectionHints): string => `${JSON.stringify(hints, null, 2)}\n`;
