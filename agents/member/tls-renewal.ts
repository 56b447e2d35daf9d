import type { Clock } from '#lib/base/clock.ts';
import { within } from '#lib/base/deadline.ts';
import { messageOf } from '#lib/base/errors.ts';
import type { Logger } from '#lib/base/log.ts';
import type { MemberSettings } from './contract.ts';

const useMaxMs = 10_000;
const againMs = 2_000;

/** Takes renewed certificates into use while everything runs on; the newest ones, one renewal at a time, repeated until it holds. */
export class TlsRenewal {
  readonly #use: (settings: MemberSettings, signal: AbortSignal) => Promise<void>;
  readonly #ports: { readonly clock: Clock; readonly log: Logger };
  readonly #signal: AbortSignal;
  #wanted: MemberSettings | undefined;
  #running = false;

  /** @param use  Brings the certificates of these settings into every place that shows them; it may be called again for the same. */
  constructor(
    use: (settings: MemberSettings, signal: AbortSignal) => Promise<void>,
    ports: { readonly clock: Clock; readonly log: Logger },
    signal: AbortSignal,
  ) {
    this.#use = use;
    this.#ports = ports;
    this.#signal = signal;
  }

  take(settings: MemberSettings): void {
    this.#wanted = settings;
    if (!this.#running) void this.#renew();
  }

  async #renew(): Promise<void> {
    const { clock, log } = this.#ports;
    this.#running = true;
    for (let wanted = this.#wanted; wanted !== undefined && !this.#signal.aborted; wanted = this.#wanted) {
      try {
        await this.#use(wanted, within(useMaxMs, 'taking certificates into use', this.#signal));
        log.info({ revision: wanted.revision }, 'certificates were taken into use');
        if (this.#wanted === wanted) this.#wanted = undefined;
      } catch (error) {
        if (!this.#signal.aborted) log.warn({ error: messageOf(error) }, 'certificates could not be taken into use yet');
        await clock.sleep(againMs, this.#signal).catch(() => undefined);
      }
    }
    this.#running = false;
  }
}
