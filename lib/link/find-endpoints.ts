import { Resolver } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { Clock } from '#lib/base/clock.ts';
import { messageOf } from '#lib/base/errors.ts';
import type { Logger } from '#lib/base/log.ts';
import { distinct } from './endpoint.ts';
import type { Endpoint, FindEndpoints } from './endpoint.ts';

export interface EndpointSources {
  /** DNS name of the pair; absent when only fixed addresses are known. */
  readonly name?: string;
  readonly port: number;
  /** DNS servers as `address:port`, asked in parallel; empty: the machine's own. */
  readonly resolvers: readonly string[];
  /** Addresses that are tried whatever DNS says. */
  readonly fixed: readonly Endpoint[];
}

/** A DNS server that has not answered by then is passed over. */
const dnsWaitMs = 1_000;
const answersMax = 16;

/** The union of every DNS server's answers and the fixed addresses, DNS first. A server that is down or wrong hides nothing. */
export function findEndpointsBy(sources: EndpointSources, ports: { readonly clock: Clock; readonly log: Logger }): FindEndpoints {
  const { name, port, fixed } = sources;
  const asked = sources.resolvers.length === 0 ? [undefined] : sources.resolvers;
  const resolvers = asked.map((server) => {
    const resolver = new Resolver({ timeout: dnsWaitMs, tries: 1 });
    if (server !== undefined) resolver.setServers([server]);
    return resolver;
  });
  return async (signal) => {
    if (name === undefined) return fixed;
    if (isIP(name) !== 0) return distinct([{ address: name, port }, ...fixed]);
    const answers = await Promise.all(resolvers.map((resolver) => addressesOf(resolver, name, ports, signal)));
    const found = answers.flat().slice(0, answersMax);
    return distinct([...found.map((address) => ({ address, port })), ...fixed]);
  };
}

async function addressesOf(
  resolver: Resolver,
  name: string,
  { clock, log }: { readonly clock: Clock; readonly log: Logger },
  signal: AbortSignal,
): Promise<readonly string[]> {
  const done = new AbortController();
  const late = clock.sleep(dnsWaitMs, AbortSignal.any([done.signal, signal])).then(
    () => undefined,
    () => undefined,
  );
  try {
    const found = await Promise.race([Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)]), late]);
    if (found === undefined) {
      resolver.cancel();
      return [];
    }
    const [four, six] = found;
    if (four.status === 'rejected' && six.status === 'rejected') {
      log.debug({ name, error: messageOf(four.reason) }, 'a DNS server gave no address');
    }
    return [...(four.status === 'fulfilled' ? four.value : []), ...(six.status === 'fulfilled' ? six.value : [])];
  } finally {
    done.abort();
  }
}
