import { readFile, rename, writeFile } from 'node:fs/promises';
import { codeOf, messageOf } from '#lib/base/errors.ts';
import { readFields } from '#lib/base/fields.ts';
import type { Fields } from '#lib/base/fields.ts';
import type { Logger } from '#lib/base/log.ts';

interface KeptWhat<T> {
  /** Field of the file that holds the list. */
  readonly name: string;
  /** As the log calls it. */
  readonly words: string;
  readonly read: (entry: Fields) => T;
  /** Beyond it the oldest is forgotten. */
  readonly max: number;
}

/** A short list on disk, so that a restart forgets nothing. The newest comes first. */
export class KeptList<T> {
  readonly #path: string;
  readonly #what: KeptWhat<T>;
  #entries: readonly T[];
  #writing: Promise<void> = Promise.resolve();

  private constructor(path: string, what: KeptWhat<T>, entries: readonly T[]) {
    this.#path = path;
    this.#what = what;
    this.#entries = entries;
  }

  /** A damaged file is set aside as `….damaged` and said so: it is no reason to stay without a member. */
  static async open<T>(path: string, what: KeptWhat<T>, log: Logger): Promise<KeptList<T>> {
    try {
      const field = readFields(JSON.parse(await readFile(path, 'utf8')));
      const entries = field.list(what.name, what.read, { max: what.max });
      // Fields of a newer agent are passed over.
      field.refuseProblems({ unknownFields: 'pass' });
      return new KeptList(path, what, entries);
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return new KeptList(path, what, []);
      await rename(path, `${path}.damaged`);
      log.warn({ file: `${path}.damaged`, error: messageOf(error) }, `${what.words} is damaged and was set aside`);
      return new KeptList(path, what, []);
    }
  }

  get entries(): readonly T[] {
    return this.#entries;
  }

  /** Shown at once; resolves when it is on disk. */
  add(entry: T): Promise<void> {
    return this.put([entry, ...this.#entries]);
  }

  /** Writes come one after the other: two at once would take each other's half-written file away. */
  put(entries: readonly T[]): Promise<void> {
    this.#entries = entries.slice(0, this.#what.max);
    const done = this.#writing.then(() => this.#write());
    this.#writing = done.catch(() => undefined);
    return done;
  }

  async #write(): Promise<void> {
    const part = `${this.#path}.part`;
    await writeFile(part, JSON.stringify({ [this.#what.name]: this.#entries }), { mode: 0o600, flush: true });
    await rename(part, this.#path);
  }
}
