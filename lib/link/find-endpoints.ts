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

interface FindPorts {
  readonly clock: Clock;
  readonly log: Logger;
}

/** A DNS server that has not answered by then is passed over. */
const dnsWaitMs = 1_000;
const answersMax = 16;

/** The union of every DNS server's answers and the fixed addresses, DNS first. A server that is down or wrong hides nothing. */
export function findEndpointsBy(sources: EndpointSources, ports: FindPorts): FindEndpoints {
  const { name, port, fixed } = sources;
  const servers = sources.resolvers.length === 0 ? [undefined] : sources.resolvers;
  return async (signal) => {
    if (name === undefined) return fixed;
    if (isIP(name) !== 0) return distinct([{ address: name, port }, ...fixed]);
    const answers = await Promise.all(servers.map((server) => addressesOf(server, name, ports, signal)));
    const found = answers.flat().slice(0, answersMax);
    return distinct([...found.map((address) => ({ address, port })), ...fixed]);
  };
}

/** Both families beside each other: a server that drops the question for one of them hides nothing of the other. */
async function addressesOf(server: string | undefined, name: string, ports: FindPorts, signal: AbortSignal): Promise<readonly string[]> {
  const families = [(resolver: Resolver) => resolver.resolve4(name), (resolver: Resolver) => resolver.resolve6(name)];
  const found = await Promise.all(families.map((ask) => inTime(server, ask, ports.clock, signal)));
  const failed = found.flatMap((one) => (one.failure === undefined ? [] : [messageOf(one.failure)]));
  if (failed.length === families.length) {
    ports.log.debug({ name, server: server ?? 'default', error: failed.join('; ') }, 'a DNS server gave no address');
  }
  return found.flatMap(({ addresses }) => addresses);
}

interface FamilyAnswer {
  readonly addresses: readonly string[];
  readonly failure?: unknown;
}

/** One question with a resolver of its own: to cancel it ends nobody else's. Never throws. */
async function inTime(
  server: string | undefined,
  ask: (resolver: Resolver) => Promise<readonly string[]>,
  clock: Clock,
  signal: AbortSignal,
): Promise<FamilyAnswer> {
  const resolver = new Resolver({ timeout: dnsWaitMs, tries: 1 });
  const done = new AbortController();
  const late = clock.sleep(dnsWaitMs, AbortSignal.any([done.signal, signal])).then(
    () => ({ addresses: [], failure: new Error(`no answer within ${dnsWaitMs} ms`) }),
    (reason: unknown) => ({ addresses: [], failure: reason }),
  );
  try {
    if (server !== undefined) resolver.setServers([server]);
    return await Promise.race([ask(resolver).then((addresses) => ({ addresses })), late]);
  } catch (error) {
    return { addresses: [], failure: error };
  } finally {
    done.abort();
    resolver.cancel();
  }
}
