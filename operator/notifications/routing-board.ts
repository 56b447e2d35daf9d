import { keyText } from '#lib/kube/objects.ts';
import type { ObjectKey } from '#lib/kube/objects.ts';
import type { hallConditions } from '../hall/hall-conditions.ts';
import type { Nudge } from '../nudge.ts';

/** The condition NotificationsRouted of a Hall. */
export interface Routing {
  readonly routed: boolean;
  readonly reason: Exclude<keyof (typeof hallConditions)['NotificationsRouted'], 'NameTaken'>;
  readonly message: string;
}

export const notConfigured: Routing = {
  routed: false,
  reason: 'NotConfigured',
  message: 'the settings of the operator have no group notify, so nobody is told of alerts through it',
};

/** What became of the notifications of each Hall, made by one controller and told by another in the Hall's status. */
export class RoutingBoard {
  readonly #halls: Nudge;
  readonly #fallback: Routing | undefined;
  #routings: ReadonlyMap<string, Routing> = new Map();

  /**
   * @param halls     Told the Halls for which something changed.
   * @param fallback  What is said of a Hall of which nothing was posted. Absent: nothing.
   */
  constructor(halls: Nudge, fallback?: Routing) {
    this.#halls = halls;
    this.#fallback = fallback;
  }

  get(hall: ObjectKey): Routing | undefined {
    return this.#routings.get(keyText(hall)) ?? this.#fallback;
  }

  /** Replaces everything. */
  post(routings: readonly (readonly [hall: ObjectKey, routing: Routing])[]): void {
    const before = this.#routings;
    this.#routings = new Map(routings.map(([hall, routing]) => [keyText(hall), routing]));
    for (const [hall, { routed, reason, message }] of routings) {
      const known = before.get(keyText(hall));
      if (known?.routed !== routed || known.reason !== reason || known.message !== message) this.#halls.tell(hall);
    }
  }
}
