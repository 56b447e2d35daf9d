import type { Clock } from '#lib/base/clock.ts';
import { within } from '#lib/base/deadline.ts';
import { messageOf } from '#lib/base/errors.ts';
import type { Logger } from '#lib/base/log.ts';
import type { ClientDoor as Door, PostgresInstance } from '#lib/postgres/instance.ts';

const moveMaxMs = 5_000;
const againMs = 200;
/** A client may take authentication_timeout, 5 s, over its handshake; this is longer. */
const lateMaxMs = 8_000;
const lateEveryMs = 250;

/** Lets applications into PostgreSQL or shuts them out, whatever was asked for last; one change at a time, repeated until it holds. */
export class ClientDoor {
  readonly #instance: PostgresInstance;
  readonly #ports: { readonly clock: Clock; readonly log: Logger; readonly running: () => boolean };
  readonly #signal: AbortSignal;
  /** Undefined until it was asked for: a server that outlived the agent keeps its clients until then. */
  #wanted: Door | undefined;
  /** Undefined: not known, as after a start of the agent alone. */
  #is: Door | undefined;
  #gate: Promise<void> = Promise.resolve();
  #moving = false;
  #closedMs = 0;
  #watching = false;

  constructor(
    instance: PostgresInstance,
    ports: { readonly clock: Clock; readonly log: Logger; readonly running: () => boolean },
    signal: AbortSignal,
  ) {
    this.#instance = instance;
    this.#ports = ports;
    this.#signal = signal;
  }

  /** A server that is down is always started with a closed door, so only a running one is asked. */
  set(wanted: Door): void {
    this.#wanted = wanted;
    if (!this.#moving) void this.#move();
  }

  /** How the door stands at a server that was started or found; undefined when that is not known. */
  found(door: Door | undefined): void {
    this.#is = door;
    if (!this.#moving) void this.#move();
  }

  /** Changes the gate and the door in one go, so that a take-over waits for one reload instead of two. */
  async withGate(change: (clients: Door | undefined) => Promise<void>): Promise<void> {
    const wanted = this.#wanted;
    const changing = change(wanted);
    this.#gate = changing.catch(() => undefined);
    await changing;
    this.#moved(wanted ?? this.#is);
    if (!this.#moving) void this.#move();
  }

  #moved(to: Door | undefined): void {
    const closes = to === 'closed' && this.#is !== 'closed';
    this.#is = to;
    if (!closes) return;
    this.#closedMs = this.#ports.clock.nowMs();
    if (!this.#watching) void this.#endLateComers();
  }

  /**
   * The server's process for a client that had connected before the door closed knows the old list of who may enter, and is no session
   * yet that could be ended. It enters later, when its handshake is over, and is sent away then.
   */
  async #endLateComers(): Promise<void> {
    const { clock, log, running } = this.#ports;
    const shut = (): boolean => this.#is === 'closed' && this.#wanted === 'closed' && running() && !this.#signal.aborted;
    this.#watching = true;
    while (shut() && clock.nowMs() - this.#closedMs < lateMaxMs) {
      await clock.sleep(lateEveryMs, this.#signal).catch(() => undefined);
      if (!shut()) break;
      await this.#instance
        .endApplications(within(moveMaxMs, 'ending sessions', this.#signal))
        .catch((error: unknown) => log.debug({ error: messageOf(error) }, 'sessions of late-comers could not be ended yet'));
    }
    this.#watching = false;
  }

  async #move(): Promise<void> {
    const { clock, log, running } = this.#ports;
    this.#moving = true;
    // A change of the gate that is decided in this very moment takes the door along.
    await clock.sleep(0, this.#signal).catch(() => undefined);
    await this.#gate;
    for (;;) {
      const wanted = this.#wanted;
      if (wanted === undefined || this.#is === wanted || this.#signal.aborted || !running()) break;
      try {
        await this.#instance.setClients(wanted, within(moveMaxMs, 'letting clients in or out', this.#signal));
        this.#moved(wanted);
      } catch (error) {
        if (running() && !this.#signal.aborted) log.warn({ wanted, error: messageOf(error) }, 'clients could not be let in or out yet');
        await clock.sleep(againMs, this.#signal).catch(() => undefined);
      }
    }
    this.#moving = false;
  }
}
