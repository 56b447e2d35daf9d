import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { codeOf, messageOf } from '#lib/base/errors.ts';
import { readFields } from '#lib/base/fields.ts';
import type { Logger } from '#lib/base/log.ts';
import type { Random } from '#lib/base/random.ts';
import type { MemberName, PairRecord } from '#lib/pair/pair-record.ts';
import { doubtOf, nextMark, signed, trustAfter } from '#lib/pair/record-trust.ts';
import type { RecordDoubt, RecordTrust } from '#lib/pair/record-trust.ts';

/** What is kept of the record. `cluster` is absent when the file was damaged: then only that there was one is known. */
interface Remembered extends RecordTrust {
  readonly pair: string;
  readonly cluster: string | undefined;
}

/** Whose memory it is. */
export interface RecordOwner {
  /** UID of the pair. */
  readonly pair: string;
  readonly self: MemberName;
  /** Draws the marks. */
  readonly random: Random;
}

/**
 * That a record was seen, kept on disk: an agent that starts anew must not take a record that was lost for one that never was, nor an
 * older one, restored from a backup, for the newest. Nobody leads by it. The marks that this member leaves in the record are drawn here; one
 * is used only once it is on disk, or the next life of the agent would not know it again.
 */
export class RecordMemory {
  readonly #file: string;
  readonly #owner: RecordOwner;
  readonly #log: Logger;
  #known: Remembered | undefined;
  /** The mark for the next change, on disk. While a newer one is still being written, or cannot be, the last one serves again. */
  #mark: string | undefined;
  #writing: Promise<void> = Promise.resolve();
  #queued = false;

  private constructor(file: string, owner: RecordOwner, log: Logger, known: Remembered | undefined) {
    this.#file = file;
    this.#owner = owner;
    this.#log = log;
    this.#known = known;
    this.#mark = known === undefined ? undefined : nextMark(known);
  }

  /** What another pair left in this folder is not ours. A damaged file still proves that a record was seen. */
  static async open(file: string, owner: RecordOwner, log: Logger): Promise<RecordMemory> {
    let text: string;
    try {
      text = await readFile(file, 'utf8');
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return new RecordMemory(file, owner, log, undefined);
      throw error;
    }
    try {
      const known = parse(text);
      return new RecordMemory(file, owner, log, known.pair === owner.pair ? known : undefined);
    } catch (error) {
      log.warn({ file, error: messageOf(error) }, 'what was kept of the record is damaged: only that there was one is believed');
      return new RecordMemory(file, owner, log, { pair: owner.pair, cluster: undefined, sequence: 0, epoch: 0, marks: [] });
    }
  }

  get seen(): boolean {
    return this.#known !== undefined;
  }

  /** The etcd in which it was seen. */
  get cluster(): string | undefined {
    return this.#known?.cluster;
  }

  /** Why this record is not believed; undefined when it is. */
  doubt(record: PairRecord): RecordDoubt | undefined {
    return this.#known === undefined ? undefined : doubtOf(this.#known, record, this.#owner.self);
  }

  /** The record as this member is to write it, with a mark that it will know again. */
  sign(record: PairRecord): PairRecord {
    return signed(record, this.#owner.self, this.#mark);
  }

  /**
   * Keeps what was seen. The first time it resolves when that is on disk, since the agent acts on it next; later ones are written behind,
   * because a change of the record must not wait for a disk.
   *
   * @throws Error of the file system, the first time.
   */
  async note(record: PairRecord, cluster: string): Promise<void> {
    const before = this.#known;
    const { pair, self, random } = this.#owner;
    const trust = trustAfter(before, record, self, () => drawMark(random));
    const same = before?.sequence === trust.sequence && before.epoch === trust.epoch && before.marks === trust.marks;
    if (before?.cluster === cluster && same) return;
    const next: Remembered = { pair, cluster, ...trust };
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
    const { marks, ...rest } = known;
    const [lastMark, mark] = marks.length === 1 ? [undefined, ...marks] : marks;
    await writeFile(part, JSON.stringify({ ...rest, lastMark, nextMark: mark }), { mode: 0o600, flush: true });
    await rename(part, this.#file);
    this.#mark = nextMark(known);
  }
}

/** 64 bits in hexadecimal digits. */
function drawMark(random: Random): string {
  const word = (): string =>
    random
      .below(2 ** 32)
      .toString(16)
      .padStart(8, '0');
  return word() + word();
}

function parse(text: string): Remembered {
  const field = readFields(JSON.parse(text));
  const whole = { min: 0, max: Number.MAX_SAFE_INTEGER } as const;
  const known: Remembered = {
    pair: field.text('pair'),
    cluster: field.text('cluster'),
    sequence: field.wholeNumber('sequence', whole),
    epoch: field.wholeNumber('epoch', whole),
    // An agent of before there were marks kept none.
    marks: [field.optionalText('lastMark'), field.optionalText('nextMark')].filter((mark) => mark !== undefined),
  };
  // A newer agent may have kept more, and what stands here guards against records that went back.
  field.refuseProblems({ unknownFields: 'pass' });
  return known;
}
