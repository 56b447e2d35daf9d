import { messageOf } from '#lib/base/errors.ts';
import type { Logger } from '#lib/base/log.ts';
import type { AskEnd } from '#lib/pair/events.ts';
import { readAsked } from './contract-status.ts';
import type { AskedStanding } from './contract-status.ts';
import type { AskedOperation } from './contract.ts';
import { KeptList } from './kept-list.ts';

/** As many as the status tells. */
export const askedMax = 10;

const kept = { name: 'operations', words: 'the list of what was asked for', read: readAsked, max: askedMax } as const;

/** What was asked of this member and what became of it, on disk, so that an id that comes again does nothing, also after a restart. */
export class AskedOperations {
  readonly #list: KeptList<AskedStanding>;
  readonly #log: Logger;

  private constructor(list: KeptList<AskedStanding>, log: Logger) {
    this.#list = list;
    this.#log = log;
  }

  static async open(path: string, log: Logger): Promise<AskedOperations> {
    return new AskedOperations(await KeptList.open(path, kept, log), log);
  }

  /** The newest last. */
  get standing(): readonly AskedStanding[] {
    return this.#list.entries.toReversed();
  }

  /** True when this is the first time: it is on disk then, and may begin. */
  async begin(what: AskedOperation, id: string): Promise<boolean> {
    if (this.#list.entries.some((entry) => entry.id === id)) return false;
    await this.#list.add({ id, what, state: 'running', why: '-' });
    return true;
  }

  /** What nobody asked for by this id is passed over. */
  end(id: string, state: AskEnd, why: string): void {
    this.#put(this.#list.entries.map((entry) => (entry.id === id ? { ...entry, state, why } : entry)));
  }

  /**
   * After a restart: what was under way has ended with the process that did it, but for a copy that is not whole yet.
   *
   * @param whole  Whether the data here is complete.
   * @returns      The id under which it is being copied anew.
   */
  resume(whole: boolean): string | undefined {
    const running = this.#list.entries.filter(({ state }) => state === 'running');
    const copying = whole ? undefined : running.find(({ what }) => what === 'reinitialise');
    for (const { id } of running) {
      if (id !== copying?.id)
        this.end(id, 'failed', 'the agent was restarted before it was over; the record and the status say what stands');
    }
    return copying?.id;
  }

  #put(entries: readonly AskedStanding[]): void {
    void this.#list.put(entries).catch((error: unknown) => this.#log.error({ error: messageOf(error) }, 'what was asked for was not kept'));
  }
}
