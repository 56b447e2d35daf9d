import type { ObjectKey } from '#lib/kube/objects.ts';

/** Lets one part of the operator ask controllers to look at an object when something outside the cluster has changed. */
export class Nudge {
  readonly #listeners = new Set<(key: ObjectKey) => void>();

  /** Asks every listening controller for a look at this key. Cheap: keys that wait already are not added twice. */
  tell(key: ObjectKey): void {
    for (const listener of this.#listeners) listener(key);
  }

  listen(listener: (key: ObjectKey) => void): void {
    this.#listeners.add(listener);
  }
}
