import { stat } from 'node:fs/promises';
import { codeOf } from '#lib/base/errors.ts';
import type { InstanceContext } from './context.ts';
import { readIfPresent } from './durable-file.ts';
import { findPostmaster, parsePostmasterFile } from './server-process.ts';

/** File systems tell the time of a change as coarsely as this: a file changed later than that ago may change again and look the same. */
const coarseMs = 2_000;

/**
 * Whether somebody told the server to stop: the postmaster writes it into postmaster.pid. Asked for as long as the agent lives, so a file
 * that nobody wrote to since it was read is not read again, and the process table is read only when the file says so.
 */
export class StopSign {
  readonly #context: InstanceContext;
  /** The file that did not say so. */
  #settled: string | undefined;

  constructor(context: InstanceContext) {
    this.#context = context;
  }

  async shows(): Promise<boolean> {
    const { postmasterPid } = this.#context.paths;
    const file = await this.#identify(postmasterPid);
    if (file === undefined || file === this.#settled) return false;
    const text = await readIfPresent(postmasterPid);
    if (text !== undefined && parsePostmasterFile(text)?.status === 'stopping') return (await findPostmaster(this.#context)) !== undefined;
    this.#settled = file;
    return false;
  }

  /** Undefined where there is no file. A file that was changed just now is like no other. */
  async #identify(path: string): Promise<string | undefined> {
    try {
      const { ino, size, mtimeMs, mtimeNs } = await stat(path, { bigint: true });
      const ageMs = this.#context.ports.clock.wallMs() - Number(mtimeMs);
      return ageMs > coarseMs ? `${ino} ${size} ${mtimeNs}` : `${ino} looked at by ${this.#context.ports.clock.nowMs()}`;
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return undefined;
      throw error;
    }
  }
}
