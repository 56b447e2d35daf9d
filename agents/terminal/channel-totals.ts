import { CallFailure } from '#lib/link/gen/hallkeeper/v1/terminal_link.ts';
import type { ChannelQuality } from '#lib/link/gen/hallkeeper/v1/terminal_link.ts';
import type { FailureReason } from '#lib/link/call-failure.ts';

const wireReasons = {
  connect: CallFailure.CALL_FAILURE_CONNECT,
  identity: CallFailure.CALL_FAILURE_IDENTITY,
  silent: CallFailure.CALL_FAILURE_SILENT,
  broken: CallFailure.CALL_FAILURE_BROKEN,
  refused: CallFailure.CALL_FAILURE_REFUSED,
} as const satisfies Record<FailureReason, CallFailure>;

const reasons = Object.keys(wireReasons) as FailureReason[];

/** What one channel did in this run. Totals only rise. */
export class ChannelTotals {
  readonly channel: string;
  #calls = 0n;
  readonly #failures = new Map<FailureReason, bigint>(reasons.map((reason) => [reason, 0n]));
  #roundTripUs: number | undefined;

  constructor(channel: string) {
    this.channel = channel;
  }

  get calls(): number {
    return Number(this.#calls);
  }

  get failures(): number {
    return Number([...this.#failures.values()].reduce((sum, count) => sum + count, 0n));
  }

  get roundTripUs(): number | undefined {
    return this.#roundTripUs;
  }

  call(): void {
    this.#calls += 1n;
  }

  failed(reason: FailureReason): void {
    this.#failures.set(reason, (this.#failures.get(reason) ?? 0n) + 1n);
  }

  answered(roundTripMs: number): void {
    this.#roundTripUs = Math.min(Math.max(0, Math.round(roundTripMs * 1_000)), 0xffff_ffff);
  }

  quality(isUp: boolean): ChannelQuality {
    return {
      channel: this.channel,
      up: isUp,
      active: isUp,
      calls: this.#calls,
      failures: reasons.map((reason) => ({ reason: wireReasons[reason], count: this.#failures.get(reason) ?? 0n })),
      roundTripUs: this.#roundTripUs,
    };
  }
}
