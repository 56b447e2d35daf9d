import type { Part } from '#lib/base/parts.ts';
import { keyText } from '#lib/kube/objects.ts';
import type { ObjectKey } from '#lib/kube/objects.ts';
import type { OperatorPorts } from '../frame.ts';
import type { Nudge } from '../nudge.ts';
import { FleetLink } from './fleet-link.ts';
import type { FleetAddress } from './fleet-link.ts';

export interface FleetLinksPorts extends Pick<OperatorPorts, 'clock' | 'random' | 'log'> {
  /** Told the key of a Hall whose connection, roster or counts changed. */
  readonly halls: Nudge;
  /** Told the key of a Terminal that the feed says something new about. */
  readonly terminals: Nudge;
}

/** One link for each Hall that is served, and never more. */
export class FleetLinks {
  readonly #ports: FleetLinksPorts;
  readonly #links = new Map<string, FleetLink>();
  #stopped = false;

  constructor(ports: FleetLinksPorts) {
    this.#ports = ports;
  }

  /** The link of a Hall; made when there is none, and made anew when another pair serves the Hall. */
  async keep(hall: ObjectKey, address: FleetAddress): Promise<FleetLink | undefined> {
    const known = this.#links.get(keyText(hall));
    if (known?.pairUid === address.pairUid) {
      known.use(address);
      return known;
    }
    await this.drop(hall);
    if (this.#stopped) return undefined;
    const { clock, random, log, halls, terminals } = this.#ports;
    const { namespace, name } = hall;
    const changed = (names: readonly string[]): void => {
      for (const terminal of names) terminals.tell({ namespace, name: terminal });
      halls.tell(hall);
    };
    const link = new FleetLink(address, { clock, random, log: log.with({ hall: name }), changed });
    this.#links.set(keyText(hall), link);
    return link;
  }

  get(hall: ObjectKey): FleetLink | undefined {
    return this.#links.get(keyText(hall));
  }

  async drop(hall: ObjectKey): Promise<void> {
    const known = this.#links.get(keyText(hall));
    this.#links.delete(keyText(hall));
    await known?.close();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    const links = [...this.#links.values()];
    this.#links.clear();
    await Promise.all(links.map((link) => link.close()));
  }

  part(): Part {
    return { name: 'fleet links', start: () => undefined, stop: () => this.stop(), stopMaxMs: 5_000 };
  }
}
