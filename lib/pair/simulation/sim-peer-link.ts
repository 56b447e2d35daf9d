import type { MemberEvent } from '../events.ts';
import type { Heartbeat } from '../member-state.ts';
import type { Schedule } from './schedule.ts';
import type { SimNetwork } from './sim-network.ts';

/** So many heartbeats without an answer, and the sender dials anew. */
const unansweredMax = 10;

/** Heartbeats that wait in the kernel of a connection over which nothing gets through. */
const keptMax = 12;

/** The other end of the link, as far as the sender meets it. */
export interface LinkEnd {
  readonly name: string;
  /** Whether its process exists, and whether its machine answers at all. */
  readonly agentLives: () => boolean;
  readonly agentRuns: () => boolean;
  readonly machineOn: () => boolean;
  readonly send: (event: MemberEvent) => void;
}

/** One member's own connection to the other's agent, over which its heartbeats travel. It ends, is cut, and is dialled anew. */
export class SimPeerLink {
  readonly #own: LinkEnd;
  readonly #peer: LinkEnd;
  readonly #network: SimNetwork;
  readonly #schedule: Schedule;
  /** While true some of what was kept arrives after the next connection stands: late, in any order and twice. */
  jumbles = false;
  #stands = false;
  #unanswered = 0;
  #kept: Heartbeat[] = [];

  constructor(own: LinkEnd, peer: LinkEnd, network: SimNetwork, schedule: Schedule) {
    this.#own = own;
    this.#peer = peer;
    this.#network = network;
    this.#schedule = schedule;
  }

  /** Every period: one heartbeat, over a connection that is dialled first where none stands. */
  beat(heartbeat: Heartbeat): void {
    if (!this.#stands && !this.#dial()) return;
    if (this.#unanswered >= unansweredMax) {
      this.#end('ended');
      return;
    }
    this.#unanswered += 1;
    if (!this.#network.passes('agent', this.#own.name)) {
      if (this.#kept.length < keptMax) this.#kept.push(heartbeat);
      return;
    }
    this.#flush();
    this.#deliver(heartbeat, this.#schedule.between(0, 8));
  }

  /** The own process ended: its kernel says so, if its word arrives. */
  ownAgentDied(): void {
    if (this.#stands && this.#network.passes('agent', this.#own.name) && this.#own.machineOn())
      this.#peer.send({ on: 'peerLink', link: 'ended' });
    this.#stands = false;
    this.#kept = [];
  }

  /** The process at the other end has ended. */
  peerAgentDied(): void {
    if (this.#stands && this.#network.passes('agent', this.#peer.name) && this.#peer.machineOn()) this.#end('ended');
  }

  #end(link: 'ended' | 'refused'): void {
    this.#stands = false;
    if (!this.jumbles) this.#kept = [];
    this.#own.send({ on: 'peerLink', link });
  }

  #dial(): boolean {
    const reached = this.#peer.machineOn() && this.#network.joins('agent', this.#own.name, this.#peer.name);
    if (!reached) return false;
    if (!this.#peer.agentLives()) {
      this.#own.send({ on: 'peerLink', link: 'refused' });
      return false;
    }
    // A stopped process accepts nothing: the handshake does not end.
    if (!this.#peer.agentRuns()) return false;
    this.#stands = true;
    this.#unanswered = 0;
    return true;
  }

  /** What was kept by the kernel, or by an older connection, arrives. */
  #flush(): void {
    if (this.#kept.length === 0) return;
    const kept = this.#kept;
    this.#kept = [];
    for (const heartbeat of kept) {
      this.#deliver(heartbeat, this.jumbles ? this.#schedule.between(0, 1_500) : 0);
      if (this.jumbles && this.#schedule.chance(50)) this.#deliver(heartbeat, this.#schedule.between(0, 1_500));
    }
  }

  #deliver(heartbeat: Heartbeat, afterMs: number): void {
    this.#schedule.after(afterMs, () => {
      this.#peer.send({ on: 'heartbeat', heartbeat });
      if (this.#peer.agentRuns() && this.#network.passes('agent', this.#peer.name)) this.#unanswered = 0;
    });
  }
}
