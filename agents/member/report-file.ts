import { readFile, rename, writeFile } from 'node:fs/promises';
import { codeOf, messageOf } from '#lib/base/errors.ts';
import { readFields } from '#lib/base/fields.ts';
import type { Logger } from '#lib/base/log.ts';
import { readReport } from './contract-status.ts';
import type { FailoverReport } from './contract-status.ts';

/** Take-overs that are kept, newest first; older ones are in the audit log of whoever read them. */
export const reportsMax = 10;

/** The last take-overs of this member, on disk so that a restart forgets none. */
export class ReportFile {
  readonly #path: string;
  #reports: readonly FailoverReport[];
  #writing: Promise<void> = Promise.resolve();

  private constructor(path: string, reports: readonly FailoverReport[]) {
    this.#path = path;
    this.#reports = reports;
  }

  /** A damaged file is set aside as `….damaged` and said so: the history is for people, and no reason to stay without a member. */
  static async open(path: string, log: Logger): Promise<ReportFile> {
    try {
      const field = readFields(JSON.parse(await readFile(path, 'utf8')));
      const reports = field.list('failovers', readReport, { max: reportsMax });
      field.refuseProblems();
      return new ReportFile(path, reports);
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return new ReportFile(path, []);
      await rename(path, `${path}.damaged`);
      log.warn({ file: `${path}.damaged`, error: messageOf(error) }, 'the history of take-overs is damaged and was set aside');
      return new ReportFile(path, []);
    }
  }

  get reports(): readonly FailoverReport[] {
    return this.#reports;
  }

  /** Writes come one after the other: two at once would take each other's half-written file away. */
  add(report: FailoverReport): Promise<void> {
    this.#reports = [report, ...this.#reports].slice(0, reportsMax);
    const done = this.#writing.then(() => this.#write());
    this.#writing = done.catch(() => undefined);
    return done;
  }

  async #write(): Promise<void> {
    const part = `${this.#path}.part`;
    await writeFile(part, JSON.stringify({ failovers: this.#reports }), { mode: 0o600, flush: true });
    await rename(part, this.#path);
  }
}
