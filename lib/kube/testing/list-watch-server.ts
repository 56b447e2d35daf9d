import type { Clock } from '#lib/base/clock.ts';
import type { Random } from '#lib/base/random.ts';
import type { ListOptions, WatchOptions } from '../client.ts';
import { statusError, transportError } from '../errors.ts';
import type { KubeError, RequestLabel } from '../errors.ts';
import { keyOf, keyText } from '../objects.ts';
import type { KubeList, KubeObject, ResourceType, WatchEvent } from '../objects.ts';
import type { Thing } from './objects.ts';

const label: RequestLabel = { verb: 'watch', resource: 'things', target: '', confidential: false };
const expired = (): KubeError => statusError(label, 410, { code: 410, reason: 'Expired' });
const broken = (): KubeError => transportError('HK_KUBE_UNREACHABLE', label, '');
const pollMs = 100;

interface Change {
  readonly version: number;
  readonly event: WatchEvent<Thing>;
}

/** Lists and watches as the API server serves them, on a simulated clock, with faults at random while `calm` is false. */
export class ListWatchServer {
  calm = true;
  readonly objects = new Map<string, Thing>();
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #changes: Change[] = [];
  #version = 1;
  #compacted = 0;
  /** Pages of a list come from the version at which it began. */
  readonly #snapshots = new Map<string, { readonly items: readonly Thing[]; readonly version: number }>();

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  write(thing: Thing): void {
    const text = keyText(keyOf(thing));
    const type = this.objects.has(text) ? 'MODIFIED' : 'ADDED';
    this.#version += 1;
    const object = { ...thing, metadata: { ...thing.metadata, resourceVersion: String(this.#version) } };
    this.objects.set(text, object);
    this.#changes.push({ version: this.#version, event: { type, object } });
  }

  remove(thing: Thing): void {
    const text = keyText(keyOf(thing));
    const last = this.objects.get(text);
    if (last === undefined) return;
    this.#version += 1;
    const object = { ...last, metadata: { ...last.metadata, resourceVersion: String(this.#version) } };
    this.objects.delete(text);
    this.#changes.push({ version: this.#version, event: { type: 'DELETED', object } });
  }

  /** Forgets the past, as etcd does: watches and continue tokens from before are expired. */
  compact(): void {
    this.#compacted = this.#version;
    this.#snapshots.clear();
  }

  async list<T extends KubeObject>(
    _type: ResourceType<T>,
    { limit = 2, continueToken }: ListOptions,
    signal: AbortSignal,
  ): Promise<KubeList<T>> {
    await this.#clock.sleep(1, signal);
    if (this.#fault(4)) throw this.#fault(2) ? broken() : expired();
    const [id, start] = continueToken === undefined ? [`${this.#version}-${this.#snapshots.size}`, 0] : splitToken(continueToken);
    if (continueToken === undefined) this.#snapshots.set(id, { items: [...this.objects.values()], version: this.#version });
    const snapshot = this.#snapshots.get(id);
    if (snapshot === undefined) throw expired();
    // Small pages, whatever was asked for: a server may do that, and a test sees more of them.
    const end = start + Math.min(limit, 2);
    const isLast = end >= snapshot.items.length;
    return {
      items: snapshot.items.slice(start, end) as readonly KubeObject[] as readonly T[],
      resourceVersion: String(snapshot.version),
      ...(isLast ? {} : { continueToken: `${id}/${end}` }),
    };
  }

  async *watch<T extends KubeObject>(
    _type: ResourceType<T>,
    { resourceVersion, timeoutSeconds }: WatchOptions,
    signal: AbortSignal,
  ): AsyncGenerator<WatchEvent<T>, void> {
    await this.#clock.sleep(1, signal);
    let seen = Number(resourceVersion);
    const endMs = this.#clock.nowMs() + timeoutSeconds * 1_000;
    while (this.#clock.nowMs() < endMs) {
      if (seen < this.#compacted) throw expired();
      for (const { version, event } of this.#changes.filter((change) => change.version > seen)) {
        if (this.#fault(10)) throw broken();
        seen = version;
        yield event as WatchEvent<KubeObject> as WatchEvent<T>;
      }
      if (this.#fault(40)) return;
      if (this.#fault(40)) throw broken();
      if (this.#random.below(20) === 0) {
        seen = this.#version;
        yield { type: 'BOOKMARK', object: { metadata: { name: '', resourceVersion: String(seen) } } };
      }
      await this.#clock.sleep(pollMs, signal);
    }
  }

  /** One time in `odds`, unless it is calm. */
  #fault(odds: number): boolean {
    return !this.calm && this.#random.below(odds) === 0;
  }
}

function splitToken(token: string): readonly [string, number] {
  const slash = token.indexOf('/');
  return [token.slice(0, slash), Number(token.slice(slash + 1))];
}
