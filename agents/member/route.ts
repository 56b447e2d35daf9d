import type { Clock } from '#lib/base/clock.ts';
import type { Logger } from '#lib/base/log.ts';
import type { Random } from '#lib/base/random.ts';
import { createPublisher } from '#lib/dns/publish.ts';
import type { Publisher, ServerOutcome } from '#lib/dns/publish.ts';
import type { DnsSettings } from './contract.ts';

export interface RoutePorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly dns: DnsSettings | undefined;
  readonly address: string;
  readonly pairUid: string;
  /** Hears of each server as soon as it has its outcome. */
  readonly outcome: (outcome: ServerOutcome, epoch: number) => void;
}

export interface DnsStanding {
  readonly server: string;
  readonly ok: boolean;
  readonly why: string;
}

/** Makes the name of the pair point to this member, at every listed server at once. */
export class Route {
  readonly #ports: RoutePorts;
  readonly #publisher: Publisher;
  readonly #standing = new Map<string, DnsStanding>();
  #stop: AbortController | undefined;

  constructor(ports: RoutePorts) {
    this.#ports = ports;
    this.#publisher = createPublisher(ports);
  }

  get standing(): readonly DnsStanding[] {
    return [...this.#standing.values()];
  }

  /** Undefined: this member is not to be found under the name any more; whoever leads next moves it, so nothing is withdrawn. */
  set(wanted: { readonly epoch: number } | undefined): void {
    this.#stop?.abort(new Error('the route changed'));
    this.#stop = undefined;
    const { dns, address, pairUid } = this.#ports;
    if (wanted === undefined || dns === undefined) return;
    const { epoch } = wanted;
    const stop = new AbortController();
    this.#stop = stop;
    const record = { zone: dns.zone, name: dns.name, ttlSeconds: dns.ttlSeconds, address, pairUid, epoch };
    const key = { name: dns.tsig.name, secret: dns.tsig.secret };
    const targets = dns.servers.map((server) => ({ server, key }));
    // The epoch before is the usual case; a first leader finds nothing. Anything else is looked up by the publisher.
    const from = epoch === 1 ? 'absent' : epoch - 1;
    void this.#publisher.publish(record, targets, { from, onOutcome: (outcome) => this.#note(outcome, epoch, stop.signal) }, stop.signal);
  }

  close(): void {
    this.#stop?.abort(new Error('the agent stops'));
  }

  #note(outcome: ServerOutcome, epoch: number, signal: AbortSignal): void {
    if (signal.aborted) return;
    const server = `${outcome.server.host}:${outcome.server.port}`;
    const ok = outcome.result.outcome === 'applied' || outcome.result.outcome === 'unchanged';
    const why = `${outcome.result.outcome} after ${outcome.attempts} tries`;
    this.#standing.set(server, { server, ok, why });
    this.#ports.log[ok ? 'info' : 'warn'](
      { server, epoch, outcome: outcome.result.outcome, tookMs: Math.round(outcome.tookMs) },
      'DNS server answered',
    );
    this.#ports.outcome(outcome, epoch);
  }
}
