import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../cluster/eventually.ts';
import { waits } from '../pair/watch-pair.ts';

const everyMs = 50;

/** What the public name pointed to, and since when, in milliseconds of the process. Unanswered questions change nothing. */
export interface NameWatch extends AsyncDisposable {
  readonly changes: readonly { readonly atMs: number; readonly address: string }[];
  /** Waits until the name points to this address. */
  pointsTo(address: string): Promise<void>;
}

/** Asks a DNS server for the name until it is disposed. */
export function watchName(ask: () => Promise<readonly string[]>): NameWatch {
  const changes: { atMs: number; address: string }[] = [];
  const stop = new AbortController();
  const running = (async (): Promise<void> => {
    while (!stop.signal.aborted) {
      const [address] = await ask().catch(() => []);
      if (address !== undefined && changes.at(-1)?.address !== address) changes.push({ atMs: performance.now(), address });
      await sleep(everyMs, undefined, { signal: stop.signal }).catch(() => undefined);
    }
  })();
  return {
    changes,
    pointsTo: async (address) => {
      await eventually(`the name points to ${address}`, () => changes.at(-1)?.address === address, waits);
    },
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await running;
    },
  };
}
