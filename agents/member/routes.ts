import type { Clock } from '#lib/base/clock.ts';
import type { Logger } from '#lib/base/log.ts';
import type { Random } from '#lib/base/random.ts';
import type { ServerOutcome } from '#lib/dns/publish.ts';
import { createPublisher } from '#lib/dns/publish.ts';
import type { MemberSettings } from './contract.ts';
import { RouteClock } from './route-clock.ts';
import type { RouteWay } from './route-clock.ts';
import { Route } from './route.ts';
import type { DnsStanding } from './route.ts';
import { SliceRoute } from './route-slice.ts';
import type { SliceOutcome, SliceRoutePorts, SliceStanding } from './route-slice.ts';

export interface RoutesPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly client: SliceRoutePorts['client'];
  /** The member's own time, in which its phases are told. */
  readonly awakeMs: () => number;
  readonly metrics: {
    dnsTried(outcome: ServerOutcome, epoch: number): void;
    sliceTried(outcome: SliceOutcome): void;
  };
}

/** All ways on which clients are led to this member, taken at the same time when it opens: its name, and the Service of its pair. */
export class Routes {
  readonly #ports: RoutesPorts;
  readonly #ways: readonly RouteWay[];
  readonly #clock = new RouteClock();
  readonly #dns: Route;
  readonly #slice: SliceRoute;

  constructor({ dns, service, self, pair }: MemberSettings, ports: RoutesPorts) {
    const { clock, random, log, metrics } = ports;
    this.#ports = ports;
    this.#ways = [...(dns === undefined ? [] : (['dns'] as const)), ...(service === undefined ? [] : (['service'] as const))];
    const common = { clock, random, log, address: self.address, pairUid: pair.uid };
    this.#dns = new Route({
      ...common,
      publisher: createPublisher(ports),
      dns,
      tried: (outcome, epoch) => {
        metrics.dnsTried(outcome, epoch);
        if (outcome.result.outcome === 'applied' || outcome.result.outcome === 'unchanged') this.#reached('dns');
      },
    });
    this.#slice = new SliceRoute({
      ...common,
      client: ports.client,
      slice: service === undefined ? undefined : { namespace: pair.namespace, name: service.slice },
      tried: (outcome, last) => {
        metrics.sliceTried(outcome);
        if (outcome.outcome === 'applied' || outcome.outcome === 'unchanged') this.#reached('service');
        else if (last) this.#clock.gaveUp('service');
      },
    });
  }

  get dns(): readonly DnsStanding[] {
    return this.#dns.standing;
  }

  get service(): SliceStanding | undefined {
    return this.#slice.standing;
  }

  /** Undefined: this member is not to be found any more. */
  set(wanted: { readonly epoch: number } | undefined): void {
    this.#clock.begin(wanted === undefined ? [] : this.#ways, this.#ports.awakeMs());
    this.#dns.set(wanted);
    this.#slice.set(wanted);
  }

  /** When the last way led here, in awake time. @see RouteClock.routedMs */
  routedMs(): number | undefined {
    return this.#clock.routedMs(this.#ports.awakeMs());
  }

  close(): void {
    this.#dns.close();
    this.#slice.close();
  }

  #reached(way: RouteWay): void {
    this.#clock.reached(way, this.#ports.awakeMs());
  }
}
