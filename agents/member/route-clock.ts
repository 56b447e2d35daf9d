/** The ways on which clients are led to the primary. */
export type RouteWay = 'dns' | 'service';

/**
 * How long after the gate is open a take-over is held unfinished because a way does not lead here yet. Then it is told with the ways that
 * do.
 */
export const routeWaitMs = 10_000;

/**
 * When clients were led here. The phase ends when every way leads here, or has been given up: with the last way that does. Of the name the
 * first DNS server counts; the others follow at their own pace.
 */
export class RouteClock {
  readonly #open = new Set<RouteWay>();
  #begunMs = 0;
  #lastMs: number | undefined;

  /** Clients are to be led here from now on, on these ways. Without any the phase is over as it begins. */
  begin(ways: readonly RouteWay[], nowMs: number): void {
    this.#open.clear();
    for (const way of ways) this.#open.add(way);
    this.#begunMs = nowMs;
    this.#lastMs = ways.length === 0 ? nowMs : undefined;
  }

  /** A way leads here; later tries of the same way change nothing. */
  reached(way: RouteWay, nowMs: number): void {
    if (this.#open.delete(way)) this.#lastMs = nowMs;
  }

  gaveUp(way: RouteWay): void {
    this.#open.delete(way);
  }

  /** When the phase ended. Undefined while a way is open and not waited for too long, and when no way leads here. */
  routedMs(nowMs: number): number | undefined {
    return this.#open.size === 0 || nowMs - this.#begunMs >= routeWaitMs ? this.#lastMs : undefined;
  }
}
