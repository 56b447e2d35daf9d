import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '#lib/base/errors.ts';
import type { FailoverPair } from '#lib/api/failoverpair.gen.ts';
import type { FleetStatus } from './terminal-fleet.ts';

/** The last answer of one source, and why there is no newer one. */
export interface Sighting<T> {
  readonly value: T | undefined;
  readonly problem: string;
}

export interface Sources {
  pair(signal: AbortSignal): Promise<FailoverPair>;
  addresses(): Promise<readonly string[]>;
  terminals(): Promise<FleetStatus>;
}

type SourceName = keyof Sources;
type Seen = { readonly [Name in SourceName]: Sighting<Awaited<ReturnType<Sources[Name]>>> };

/** Looks at each source for itself, so that one that does not answer holds up no other. */
export class Observer implements AsyncDisposable {
  readonly #stop = new AbortController();
  readonly #looking: readonly Promise<void>[];
  #seen: Seen = {
    pair: { value: undefined, problem: '' },
    addresses: { value: undefined, problem: '' },
    terminals: { value: undefined, problem: '' },
  };

  constructor(sources: Sources, everyMs: number) {
    const { signal } = this.#stop;
    const look = async (name: SourceName): Promise<void> => {
      while (!signal.aborted) {
        try {
          const value = await sources[name](signal);
          this.#seen = { ...this.#seen, [name]: { value, problem: '' } };
        } catch (error) {
          this.#seen = { ...this.#seen, [name]: { ...this.#seen[name], problem: messageOf(error) } };
        }
        await sleep(everyMs, undefined, { signal }).catch(() => undefined);
      }
    };
    this.#looking = (Object.keys(sources) as SourceName[]).map((name) => look(name));
  }

  get seen(): Seen {
    return this.#seen;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#looking);
  }
}
