import { messageOf } from '#lib/base/errors.ts';
import type { ArbiterAnswer } from '#lib/pair/events.ts';
import type { PairRecord, SeenRecord } from '#lib/pair/pair-record.ts';
import type { RecordMemory } from './record-memory.ts';
import type { RecordStore } from './record-store.ts';

/**
 * A store whose records are remembered on disk, so that an agent that starts anew does not believe one that was set back while it was away.
 * Without it a deposed member would take the lead of a record from a backup, beside the one that serves.
 */
export class RememberingRecordStore implements RecordStore {
  readonly #store: RecordStore;
  readonly #memory: Pick<RecordMemory, 'doubt' | 'note' | 'sign'>;
  /** Where the records come from. */
  readonly #origin: string;

  constructor(store: RecordStore, memory: Pick<RecordMemory, 'doubt' | 'note' | 'sign'>, origin: string) {
    this.#store = store;
    this.#memory = memory;
    this.#origin = origin;
  }

  async read(signal: AbortSignal): Promise<ArbiterAnswer> {
    return await this.#remember(await this.#store.read(signal), 'no');
  }

  async create(record: PairRecord, signal: AbortSignal): Promise<ArbiterAnswer> {
    return await this.#remember(await this.#store.create(this.#memory.sign(record), signal), 'maybe');
  }

  async swap(expect: SeenRecord, next: PairRecord, signal: AbortSignal): Promise<ArbiterAnswer> {
    return await this.#remember(await this.#store.swap(expect, this.#memory.sign(next), signal), 'maybe');
  }

  async watch(changed: () => void, signal: AbortSignal): Promise<void> {
    await this.#store.watch(changed, signal);
  }

  async #remember(answer: ArbiterAnswer, carriedOut: 'no' | 'maybe'): Promise<ArbiterAnswer> {
    if (answer.kind !== 'won' && answer.kind !== 'current') return answer;
    const { record } = answer.seen;
    const doubt = this.#memory.doubt(record);
    if (doubt !== undefined) return { kind: 'invalid', ...doubt };
    try {
      await this.#memory.note(record, this.#origin);
      return answer;
    } catch (error) {
      return { kind: 'failed', carriedOut, why: `what the record says could not be kept on disk: ${messageOf(error)}` };
    }
  }
}
