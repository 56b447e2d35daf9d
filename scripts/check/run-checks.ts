import { messageOf } from '#lib/base/errors.ts';
import type { Check } from './checks.ts';

export interface CheckResult {
  readonly name: string;
  readonly problems: string;
  readonly seconds: number;
}

export interface CheckListener {
  /** `number` counts from 1. */
  readonly begins: (name: string, number: number) => void;
  readonly fails: (result: CheckResult) => void;
}

/** Runs every check, one after the other, and tells of each as soon as it is known; a check that throws has failed. */
export async function runChecks(checks: readonly Check[], { begins, fails }: CheckListener): Promise<readonly CheckResult[]> {
  const results: CheckResult[] = [];
  for (const { name, run } of checks) {
    begins(name, results.length + 1);
    const startMs = performance.now();
    const problems = await run().catch((error: unknown) => `could not be checked: ${messageOf(error)}`);
    const result = { name, problems, seconds: (performance.now() - startMs) / 1_000 };
    results.push(result);
    if (problems !== '') fails(result);
  }
  return results;
}

/** The closing table: a line a check, and how many passed and failed. */
export function resultTable(results: readonly CheckResult[]): string {
  const width = Math.max(...results.map(({ name }) => name.length));
  const rows = results.map(({ name, problems, seconds }) => {
    return `  ${name.padEnd(width)}  ${problems === '' ? 'passed' : 'FAILED'}  ${seconds.toFixed(1).padStart(6)} s`;
  });
  const failed = results.filter(({ problems }) => problems !== '').length;
  return ['', ...rows, '', `${results.length - failed} passed, ${failed} failed`, ''].join('\n');
}
