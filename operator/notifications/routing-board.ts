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

/** What became of the notifications of each Hall, made by one controller and told by another in the Hall's status. */
export class RoutingBoard {
  readonly #halls: Nudge;
  #routings: ReadonlyMap<string, Routing> = new Map();

  /** @param halls  Told the Halls for which something changed. */
  constructor(halls: Nudge) {
    this.#halls = halls;
  }

  get(hall: ObjectKey): Routing | undefined {
    return this.#routings.get(keyText(hall));
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
