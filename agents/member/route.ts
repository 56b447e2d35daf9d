import { backoffMs } from '#lib/base/retry.ts';
import type { BackoffPolicy } from '#lib/base/retry.ts';
import type { Clock } from '#lib/base/clock.ts';
import type { Logger } from '#lib/base/log.ts';
import type { Random } from '#lib/base/random.ts';
import { outcomeInWords } from '#lib/dns/record-outcome.ts';
import type { PublishOptions, Publisher, ServerOutcome } from '#lib/dns/publish.ts';
import type { DnsSettings } from './contract.ts';

export interface RoutePorts {
  readonly publisher: Publisher;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly dns: DnsSettings | undefined;
  readonly address: string;
  readonly pairUid: string;
  /** Hears how each try at each server ended, as soon as it has. */
  readonly tried: (outcome: ServerOutcome, epoch: number) => void;
}

export interface DnsStanding {
  readonly server: string;
  readonly ok: boolean;
  readonly why: string;
}

/** A server that does not take the record is asked for as long as this member leads, after the publisher's minute of tries at this pace. */
const againPolicy: BackoffPolicy = { firstMs: 10_000, maxMs: 60_000, jitterPercent: 20 };

const whyMax = 300;

/** Makes the name of the pair point to this member, at every listed server at once. */
export class Route {
  readonly #ports: RoutePorts;
  readonly #standing = new Map<string, DnsStanding>();
  #stop: AbortController | undefined;

  constructor(ports: RoutePorts) {
    this.#ports = ports;
  }

  get standing(): readonly DnsStanding[] {
    return [...this.#standing.values()];
  }

  /** Undefined: this member is not to be found under the name any more; whoever leads next moves it, so nothing is withdrawn. */
  set(wanted: { readonly epoch: number } | undefined): void {
    this.#stop?.abort(new Error('the route changed'));
    this.#stop = undefined;
    const { dns } = this.#ports;
    if (wanted === undefined || dns === undefined) return;
    const stop = new AbortController();
    this.#stop = stop;
    for (const server of dns.servers) void this.#keep(server, dns, wanted.epoch, stop.signal);
  }

  close(): void {
    this.#stop?.abort(new Error('the agent stops'));
  }

  /** Until the server has the record, or another record has a better right to the name. */
  async #keep(server: DnsSettings['servers'][number], dns: DnsSettings, epoch: number, signal: AbortSignal): Promise<void> {
    const { publisher, address, pairUid, clock, random } = this.#ports;
    const record = { zone: dns.zone, name: dns.name, ttlSeconds: dns.ttlSeconds, address, pairUid, epoch };
    const targets = [{ server, key: { name: dns.tsig.name, secret: dns.tsig.secret } }];
    const onTry = (outcome: ServerOutcome): void => this.#tried(outcome, epoch, signal);
    // The epoch before is the usual case; a first leader finds nothing. Anything else is looked up by the publisher.
    let from: PublishOptions['from'] = epoch === 1 ? 'absent' : epoch - 1;
    for (let round = 1; !signal.aborted; round += 1) {
      const [outcome] = await publisher.publish(record, targets, { from, onTry }, signal);
      if (signal.aborted || outcome === undefined || stands(outcome)) return;
      from = undefined;
      await clock.sleep(backoffMs(round, againPolicy, random), signal).catch(() => undefined);
    }
  }

  #tried(outcome: ServerOutcome, epoch: number, signal: AbortSignal): void {
    if (signal.aborted) return;
    const server = `${outcome.server.host}:${outcome.server.port}`;
    const ok = outcome.result.outcome === 'applied' || outcome.result.outcome === 'unchanged';
    const why = `${outcomeInWords(outcome.result).slice(0, whyMax)} at try ${outcome.attempts}`;
    this.#standing.set(server, { server, ok, why });
    this.#ports.log[ok ? 'info' : 'warn'](
      { server, epoch, outcome: outcome.result.outcome, why, tookMs: Math.round(outcome.tookMs) },
      'DNS server answered',
    );
    this.#ports.tried(outcome, epoch);
  }
}

function stands({ result }: ServerOutcome): boolean {
  return ['applied', 'unchanged', 'superseded', 'foreign'].includes(result.outcome);
}
