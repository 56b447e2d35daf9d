import type { Hall } from '#lib/api/hall.gen.ts';
import type { Terminal } from '#lib/api/terminal.gen.ts';
import { limitProblems } from '../hall/limits.ts';

/** Why the spec of a Terminal cannot be met, every reason at once and each with what to do; empty when it can. */
export function refusalsOf({ spec }: Terminal, hall: Hall | undefined): readonly string[] {
  const problems: string[] = [];
  if (spec.contentRef !== undefined) problems.push('contentRef is not supported yet: remove it');
  if (spec.heartbeat !== undefined) {
    const limits = limitProblems(spec.heartbeat, hall?.spec.heartbeat);
    problems.push(...limits.map((problem) => `${problem}; until then the limits of the hall hold`));
  }
  return problems;
}
