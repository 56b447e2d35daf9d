import { keyOf, keyText } from '#lib/kube/objects.ts';
import type { KubeObject, ObjectKey } from '#lib/kube/objects.ts';

/** Beyond so many objects the one written longest ago is forgotten, which costs at most one write and one event more. */
const rememberedMax = 20_000;

interface Stated extends KubeObject {
  readonly status?: unknown;
}

/**
 * What one controller wrote into the status of its objects, for the moment in which the cache does not show it yet. A second look in
 * that moment would write the same again with a later time, and tell the same event twice.
 */
export class WrittenStatus<T extends Stated> {
  readonly #written = new Map<
    string,
    { readonly uid: string | undefined; readonly version: string | undefined; readonly status: unknown }
  >();

  /** The object with the status that stands: ours while the cache shows the version that we decided from, then that of the cache. */
  of(seen: T): T {
    const text = keyText(keyOf(seen));
    const known = this.#written.get(text);
    if (known === undefined) return seen;
    const { uid, resourceVersion } = seen.metadata;
    if (known.uid === uid && known.version === resourceVersion) return { ...seen, status: known.status };
    this.#written.delete(text);
    return seen;
  }

  /** After the server has taken it. @param seen  As `of` was given or gave it. */
  wrote(seen: T, status: unknown): void {
    const text = keyText(keyOf(seen));
    this.#written.delete(text);
    this.#written.set(text, { uid: seen.metadata.uid, version: seen.metadata.resourceVersion, status });
    if (this.#written.size <= rememberedMax) return;
    for (const oldest of this.#written.keys()) return void this.#written.delete(oldest);
  }

  forget(key: ObjectKey): void {
    this.#written.delete(keyText(key));
  }
}
