import type { BigIntStats } from 'node:fs';
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
  /** The file that did not say so, once it is old enough to be told from a newer one. */
  #settled: string | undefined;

  constructor(context: InstanceContext) {
    this.#context = context;
  }

  async shows(): Promise<boolean> {
    const { paths, ports } = this.#context;
    const file = await statIfPresent(paths.postmasterPid);
    if (file === undefined) return false;
    const identity = `${file.ino} ${file.size} ${file.mtimeNs}`;
    if (identity === this.#settled) return false;
    const ageMs = ports.clock.wallMs() - Number(file.mtimeMs);
    const text = await readIfPresent(paths.postmasterPid);
    if (text !== undefined && parsePostmasterFile(text)?.status === 'stopping') return (await findPostmaster(this.#context)) !== undefined;
    this.#settled = ageMs > coarseMs ? identity : undefined;
    return false;
  }
}

async function statIfPresent(path: string): Promise<BigIntStats | undefined> {
  try {
    return await stat(path, { bigint: true });
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
