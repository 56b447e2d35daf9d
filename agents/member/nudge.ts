import type { Clock } from '#lib/base/clock.ts';

/** Wakes whoever sleeps until the next beat, when there is news to be looked into at once. Who does not sleep at that moment is not woken. */
export class Nudge {
  #news = new AbortController();

  ring(): void {
    const news = this.#news;
    this.#news = new AbortController();
    news.abort();
  }

  /** Resolves after `ms`, at the next ring, or when the signal aborts. */
  async sleep(clock: Pick<Clock, 'sleep'>, ms: number, signal: AbortSignal): Promise<void> {
    await clock.sleep(ms, AbortSignal.any([signal, this.#news.signal])).catch(() => undefined);
  }
}
