import { messageOf } from '#lib/base/errors.ts';
import { isServiceError, refusalCodeOf } from '#lib/link/call-failure.ts';
import { clientCredentials } from '#lib/link/credentials.ts';
import type { Endpoint } from '#lib/link/endpoint.ts';
import type { Roster } from '#lib/link/gen/hallkeeper/v1/fleet_admin.ts';
import { putRoster } from '#lib/link/put-roster.ts';
import { watchFleet } from '#lib/link/watch-fleet.ts';
import type { PairLink } from '#lib/link/watch-fleet.ts';
import { anyMemberOf, clientTls } from '#lib/pki/trust.ts';
import type { OperatorPorts } from '../frame.ts';
import type { PairCredentials } from '../pair/operator-certificates.ts';
import { emptyPicture, stepPicture } from './fleet-picture.ts';
import type { FleetPicture } from './fleet-picture.ts';

/** How the members of a hall's pair are called now. A renewed certificate or a changed address is used by the next connection. */
export interface FleetAddress {
  readonly pairUid: string;
  readonly endpoints: readonly Endpoint[];
  readonly credentials: PairCredentials;
}

export interface FleetLinkPorts extends Pick<OperatorPorts, 'clock' | 'random' | 'log'> {
  /** Something changed that people are shown: these terminals, and the hall when its connection or roster did. */
  readonly changed: (terminals: readonly string[]) => void;
}

/** What became of the last attempt to store a roster; nothing for a new revision. */
export interface RosterAttempt {
  readonly revision: string;
  readonly stored: boolean;
  /** The hall server does not take it, whatever the time: only another roster helps. */
  readonly refused: boolean;
  readonly why: string;
  readonly atMs: number;
}

/** After a fault of ours in following the feed. */
const followAgainMs = 5_000;

/**
 * The connection to the leading hall server of one pair: follows the fleet feed for as long as it lives, with the feed's own back-off,
 * and stores rosters. Bounds: one connection, one picture with at most the terminals of a roster.
 */
export class FleetLink {
  readonly #ports: FleetLinkPorts;
  readonly #stop = new AbortController();
  readonly #link: PairLink;
  readonly #running: Promise<void>;
  #address: FleetAddress;
  #picture: FleetPicture = emptyPicture;
  #lostSinceMs: number;
  #attempt: RosterAttempt | undefined;

  constructor(address: FleetAddress, ports: FleetLinkPorts) {
    const { clock, random, log } = ports;
    this.#ports = ports;
    this.#address = address;
    this.#lostSinceMs = clock.nowMs();
    this.#link = {
      pairUid: address.pairUid,
      findEndpoints: () => Promise.resolve(this.#address.endpoints),
      credentials: () => credentialsOf(this.#address),
      clock,
      random,
      log,
    };
    this.#running = this.#followOn();
  }

  get pairUid(): string {
    return this.#link.pairUid;
  }

  get picture(): FleetPicture {
    return this.#picture;
  }

  /** For how long nobody has answered as the leading member; 0 while somebody does. Before the first answer it counts from the start. */
  get lostMs(): number {
    return this.#picture.connected ? 0 : this.#ports.clock.nowMs() - this.#lostSinceMs;
  }

  get attempt(): RosterAttempt | undefined {
    return this.#attempt;
  }

  use(address: FleetAddress): void {
    this.#address = address;
  }

  /** Stores a roster at the leading member. Never throws: what became of it stands in `attempt`. */
  async store(roster: Roster, signal: AbortSignal): Promise<void> {
    const { revision } = roster;
    const end = (attempt: Pick<RosterAttempt, 'stored' | 'refused' | 'why'>): void => {
      this.#attempt = { ...attempt, revision, atMs: this.#ports.clock.nowMs() };
    };
    try {
      // Replaces what the feed told last and nothing newer: the late call of an operator that does not lead any more changes nothing.
      const request = { roster, expectedRevision: this.#picture.rosterRevision };
      const result = await putRoster(this.#link, request, AbortSignal.any([signal, this.#stop.signal]));
      if (result.kind === 'stored') end({ stored: true, refused: false, why: '' });
      else end({ stored: false, refused: false, why: `another roster came before: revision ${result.storedRevision}` });
    } catch (error) {
      signal.throwIfAborted();
      end({ stored: false, refused: isRefusal(error), why: messageOf(error) });
    }
  }

  async close(): Promise<void> {
    this.#stop.abort(new Error('the hall is not followed any more'));
    await this.#running;
  }

  /** A fault of ours in taking an event is told, and the feed is followed anew. */
  async #followOn(): Promise<void> {
    const { clock, log } = this.#ports;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        await this.#follow();
      } catch (error) {
        log.error({ why: messageOf(error) }, 'the feed of a hall could not be followed; it is tried again');
        if (this.#picture.connected) this.#lostSinceMs = clock.nowMs();
        this.#picture = { ...this.#picture, connected: false, why: messageOf(error) };
        await clock.sleep(followAgainMs, signal).catch(() => undefined);
      }
    }
  }

  async #follow(): Promise<void> {
    for await (const event of watchFleet(this.#link, this.#stop.signal)) {
      const before = this.#picture;
      const { picture, changed } = stepPicture(before, event);
      this.#picture = picture;
      if (before.connected && !picture.connected) this.#lostSinceMs = this.#ports.clock.nowMs();
      // A member that has lost what it stored says so in its snapshot, and is given it again.
      if (event.kind === 'snapshot') this.#attempt = undefined;
      const isNews = before.connected !== picture.connected || before.rosterRevision !== picture.rosterRevision;
      // What could not be shown while nobody answered is looked at again.
      const news = picture.connected && !before.connected ? [...picture.terminals.keys()] : changed;
      if (isNews || news.length > 0) this.#ports.changed(news);
    }
  }
}

function credentialsOf({ pairUid, credentials }: FleetAddress): ReturnType<PairLink['credentials']> {
  const { trustDomain, own, trust } = credentials;
  return clientCredentials(clientTls(own, trust, { expected: anyMemberOf({ trustDomain, pairUid }) }));
}

/** An answer of the server itself about this roster; a lost connection or a missing leader is none. */
function isRefusal(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  return isServiceError(cause) && refusalCodeOf(cause) === 'HK_ROSTER_INVALID';
}
