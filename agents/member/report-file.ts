import type { Logger } from '#lib/base/log.ts';
import { readReport } from './contract-status.ts';
import type { FailoverReport } from './contract-status.ts';
import { KeptList } from './kept-list.ts';

/** Take-overs that are kept; older ones are in the audit log of whoever read them. */
export const reportsMax = 10;

const reports = { name: 'failovers', words: 'the history of take-overs', read: readReport, max: reportsMax } as const;

/** The last take-overs of this member. */
export function openReports(path: string, log: Logger): Promise<KeptList<FailoverReport>> {
  return KeptList.open(path, reports, log);
}
