import { messageOf, retryOf } from '#lib/base/errors.ts';
import { backoffMs } from '#lib/base/retry.ts';
import type { BackoffPolicy } from '#lib/base/retry.ts';
import { Reign } from './reign.ts';
import type { ReignPorts, ReignSettings } from './reign.ts';

const openPolicy: BackoffPolicy = { firstMs: 10, maxMs: 500, jitterPercent: 20 };
/** When only a person can help, the ledger is looked at again this seldom. */
const helplessEveryMs = 5_000;

export interface LeadershipPorts extends ReignPorts {
  /** Terminals are served from now on. */
  readonly onLeading: (reign: Reign) => void;
  /** Nothing of the reign may be sent after this returns. */
  readonly onFollowing: (ended: Reign | undefined) => void;
  /** A reign broke a promise of ours; the process must end. */
  readonly onBroken: (error: unknown) => void;
}

/** Whether this server leads, and with which epoch. Only the member agent decides it. */
export class Leadership {
  readonly #settings: ReignSettings;
  readonly #ports: LeadershipPorts;
  #highestEpoch = 0n;
  #over: AbortController | undefined;
  #reign: Reign | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(settings: ReignSettings, ports: LeadershipPorts) {
    this.#settings = settings;
    this.#ports = ports;
  }

  /** The reign that may be spoken for now; undefined while following or while the ledger is still being opened. */
  get reign(): Reign | undefined {
    return this.#reign;
  }

  /** The highest epoch this server was ever told to lead with; 0: none. */
  get highestEpoch(): bigint {
    return this.#highestEpoch;
  }

  /** @returns why the order is refused; undefined: obeyed. */
  lead(epoch: bigint): string | undefined {
    if (epoch < this.#highestEpoch) return `epoch ${epoch} is lower than ${this.#highestEpoch}, which was led before`;
    if (this.#over !== undefined && epoch === this.#highestEpoch) return undefined;
    this.#end();
    this.#highestEpoch = epoch;
    const over = new AbortController();
    this.#over = over;
    const before = this.#running;
    this.#running = this.#rule(epoch, before, over.signal).catch((error: unknown) => this.#ports.onBroken(error));
    return undefined;
  }

  follow(): void {
    this.#end();
    this.#ports.log.info({}, 'following');
  }

  /** Ends the reign and waits until its connection is cut. */
  async close(): Promise<void> {
    this.#end();
    await this.#running;
  }

  async #rule(epoch: bigint, before: Promise<void>, signal: AbortSignal): Promise<void> {
    await before;
    const reign = await this.#open(epoch, signal);
    if (signal.aborted) reign?.abandon();
    if (reign === undefined || signal.aborted) return;
    this.#reign = reign;
    this.#ports.onLedger('ready', '');
    this.#ports.onLeading(reign);
    await reign.run(signal);
  }

  async #open(epoch: bigint, signal: AbortSignal): Promise<Reign | undefined> {
    const { clock, random, log, onLedger } = this.#ports;
    let told: string | undefined;
    for (let failures = 0; !signal.aborted;) {
      try {
        return await Reign.open(this.#settings, epoch, this.#ports, signal);
      } catch (error) {
        if (signal.aborted) return undefined;
        failures += 1;
        const why = messageOf(error);
        const isHelpless = retryOf(error) === 'never';
        // Told once, and again when the reason is another one.
        if (told !== why) {
          log.warn({ why, epoch: Number(epoch) }, 'the ledger cannot be opened; it is tried again');
          onLedger('away', why);
          told = why;
        }
        await clock.sleep(isHelpless ? helplessEveryMs : backoffMs(failures, openPolicy, random), signal).catch(() => undefined);
      }
    }
    return undefined;
  }

  #end(): void {
    const ended = this.#reign;
    this.#reign = undefined;
    this.#over?.abort();
    this.#over = undefined;
    this.#ports.onFollowing(ended);
  }
}
