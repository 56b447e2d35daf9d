import { invariant } from '#lib/base/invariant.ts';
import { slackBytes, viewOf } from './bytes.ts';

/** Texts by slot at one instant, as UTF-8. The text of a slot is `view` from `starts[slot]` to `ends[slot]`. */
export interface FrozenTexts {
  readonly view: DataView;
  readonly starts: Uint32Array;
  readonly ends: Uint32Array;
}

/** `starts[slot]` of a slot that holds nothing. An empty text is something. */
export const noText = 0xffff_ffff;

const firstBytes = 4_096;

/**
 * Texts by slot in one growing buffer, eight bytes of overhead each. Bytes once written are never changed while the buffer lives:
 * a replaced text goes to the end, and the buffer is copied together when half of it is waste. A frozen picture stays true
 * therefore with nothing but a copy of the two offset arrays, and that copy is shared until a text changes.
 */
export class TextArena {
  #bytes = Buffer.allocUnsafeSlow(firstBytes);
  #used = 0;
  #waste = 0;
  #starts = new Uint32Array(0);
  #ends = new Uint32Array(0);
  #frozen: FrozenTexts | undefined;

  /** Slots below `capacity` may be used. */
  grow(capacity: number): void {
    const before = this.#starts.length;
    this.#starts = grown(this.#starts, capacity);
    this.#ends = grown(this.#ends, capacity);
    this.#starts.fill(noText, before);
    this.#frozen = undefined;
  }

  has(slot: number): boolean {
    return (this.#starts[slot] ?? noText) !== noText;
  }

  set(slot: number, text: string): void {
    invariant(slot < this.#starts.length, 'a text goes to a slot within the capacity');
    this.clear(slot);
    const size = Buffer.byteLength(text);
    this.#reserve(size);
    this.#bytes.write(text, this.#used);
    this.#starts[slot] = this.#used;
    this.#ends[slot] = this.#used + size;
    this.#used += size;
  }

  clear(slot: number): void {
    this.#frozen = undefined;
    if (!this.has(slot)) return;
    this.#waste += (this.#ends[slot] ?? 0) - (this.#starts[slot] ?? 0);
    this.#starts[slot] = noText;
    this.#ends[slot] = noText;
  }

  freeze(): FrozenTexts {
    this.#frozen ??= { view: viewOf(this.#bytes), starts: this.#starts.slice(), ends: this.#ends.slice() };
    return this.#frozen;
  }

  #reserve(size: number): void {
    if (this.#used + size + slackBytes <= this.#bytes.length) return;
    const live = this.#used - this.#waste;
    const target = Buffer.allocUnsafeSlow(Math.max(firstBytes, 2 * (live + size) + slackBytes));
    invariant(target.length < noText, 'label texts stay below 4 GiB');
    let used = 0;
    for (let slot = 0; slot < this.#starts.length; slot += 1) {
      const start = this.#starts[slot] ?? noText;
      if (start === noText) continue;
      const end = this.#ends[slot] ?? start;
      this.#bytes.copy(target, used, start, end);
      this.#starts[slot] = used;
      used += end - start;
      this.#ends[slot] = used;
    }
    this.#bytes = target;
    this.#used = used;
    this.#waste = 0;
  }
}

/** A copy of a typed array with room for `length` entries; new ones are zero. */
export function grown<T extends Uint8Array | Uint32Array | Float64Array>(array: T, length: number): T {
  const copy = new (array.constructor as new (length: number) => T)(length);
  copy.set(array);
  return copy;
}
