import { readFile, rename, writeFile } from 'node:fs/promises';
import { codeOf } from '#lib/base/errors.ts';
import { readFields } from '#lib/base/fields.ts';
import { readReport } from './contract-status.ts';
import type { FailoverReport } from './contract-status.ts';

/** Take-overs that are kept, newest first; older ones are in the audit log of whoever read them. */
export const reportsMax = 10;

/** The last take-overs of this member, on disk so that a restart forgets none. */
export class ReportFile {
  readonly #path: string;
  #reports: readonly FailoverReport[];

  private constructor(path: string, reports: readonly FailoverReport[]) {
    this.#path = path;
    this.#reports = reports;
  }

  static async open(path: string): Promise<ReportFile> {
    try {
      const field = readFields(JSON.parse(await readFile(path, 'utf8')));
      return new ReportFile(path, field.list('failovers', readReport, { max: reportsMax }));
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return new ReportFile(path, []);
      throw error;
    }
  }

  get reports(): readonly FailoverReport[] {
    return this.#reports;
  }

  async add(report: FailoverReport): Promise<void> {
    this.#reports = [report, ...this.#reports].slice(0, reportsMax);
    const part = `${this.#path}.part`;
    await writeFile(part, JSON.stringify({ failovers: this.#reports }), { mode: 0o600, flush: true });
    await rename(part, this.#path);
  }
}
