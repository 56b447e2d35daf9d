import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { codeOf, messageOf } from '#lib/base/errors.ts';
import { readFields } from '#lib/base/fields.ts';
import type { Logger } from '#lib/base/log.ts';
import type { PairRecord } from '#lib/pair/pair-record.ts';

/** What is kept of the record. `cluster` is absent when the file was damaged: then only that there was one is known. */
interface Remembered {
  readonly pair: string;
  readonly cluster: string | undefined;
  readonly sequence: number;
  readonly epoch: number;
}

/**
 * That a record was seen, kept on disk: an agent that starts anew must not take a record that was lost for one that never was, nor an
 * older one, restored from a backup, for the newest. Nobody leads by it.
 */
export class RecordMemory {
  readonly #file: string;
  readonly #pair: string;
  readonly #log: Logger;
  #known: Remembered | undefined;
  #writing: Promise<void> = Promise.resolve();
  #queued = false;

  private constructor(file: string, pair: string, log: Logger, known: Remembered | undefined) {
    this.#file = file;
    this.#pair = pair;
    this.#log = log;
    this.#known = known;
  }

  /** What another pair left in this folder is not ours. A damaged file still proves that a record was seen. */
  static async open(file: string, pair: string, log: Logger): Promise<RecordMemory> {
    let text: string;
    try {
      text = await readFile(file, 'utf8');
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return new RecordMemory(file, pair, log, undefined);
      throw error;
    }
    try {
      const known = parse(text);
      return new RecordMemory(file, pair, log, known.pair === pair ? known : undefined);
    } catch (error) {
      log.warn({ file, error: messageOf(error) }, 'what was kept of the record is damaged: only that there was one is believed');
      return new RecordMemory(file, pair, log, { pair, cluster: undefined, sequence: 0, epoch: 0 });
    }
  }

  get seen(): boolean {
    return this.#known !== undefined;
  }

  /** The etcd in which it was seen. */
  get cluster(): string | undefined {
    return this.#known?.cluster;
  }

  /** Why this record cannot be the newest; undefined when it can. */
  doubt({ sequence, epoch }: PairRecord): string | undefined {
    const known = this.#known;
    if (known === undefined || (sequence >= known.sequence && epoch >= known.epoch)) return undefined;
    return `the record went back from sequence ${known.sequence}, epoch ${known.epoch} to ${sequence}, ${epoch}`;
  }

  /**
   * Keeps what was seen. The first time it resolves when that is on disk, since the agent acts on it next; later ones are written behind,
   * because a change of the record must not wait for a disk.
   *
   * @throws Error of the file system, the first time.
   */
  async note({ sequence, epoch }: PairRecord, cluster: string): Promise<void> {
    const before = this.#known;
    if (before?.cluster === cluster && before.sequence === sequence && before.epoch === epoch) return;
    const next: Remembered = { pair: this.#pair, cluster, sequence, epoch };
    if (before?.cluster === undefined) {
      await this.#write(next);
      this.#known = next;
      return;
    }
    this.#known = next;
    if (this.#queued) return;
    this.#queued = true;
    this.#writing = this.#writing.then(() => this.#writeNewest());
  }

  /** Resolves when everything noted is on disk, or could not be written. */
  async settled(): Promise<void> {
    await this.#writing;
  }

  async #writeNewest(): Promise<void> {
    this.#queued = false;
    try {
      if (this.#known !== undefined) await this.#write(this.#known);
    } catch (error) {
      this.#log.warn({ file: this.#file, error: messageOf(error) }, 'the newest record could not be kept on disk');
    }
  }

  async #write(known: Remembered): Promise<void> {
    await mkdir(dirname(this.#file), { recursive: true });
    const part = `${this.#file}.part`;
    await writeFile(part, JSON.stringify(known), { mode: 0o600, flush: true });
    await rename(part, this.#file);
  }
}

function parse(text: string): Remembered {
  const field = readFields(JSON.parse(text));
  const whole = { min: 0, max: Number.MAX_SAFE_INTEGER } as const;
  const known: Remembered = {
    pair: field.text('pair'),
    cluster: field.text('cluster'),
    sequence: field.wholeNumber('sequence', whole),
    epoch: field.wholeNumber('epoch', whole),
  };
  // A newer agent may have kept more, and what stands here guards against records that went back.
  field.refuseProblems({ unknownFields: 'pass' });
  return known;
}
