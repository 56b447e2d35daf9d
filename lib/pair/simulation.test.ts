import { randomInt } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { sabotages } from './simulation/sabotage.ts';
import type { Sabotage } from './simulation/sabotage.ts';
import { simulatePair } from './simulation/simulate.ts';
import type { RunReport } from './simulation/simulate.ts';

const given = Number(process.env['HALLKEEPER_SEED'] ?? Number.NaN);
const firstSeed = Number.isNaN(given) ? randomInt(2 ** 31) : given;
const stepsMin = 250_000;

/** Runs on, seed after seed, until `enough`. At most 400 lives, so that a core that does nothing ends too. */
function live(from: number, broken: Sabotage | undefined, enough: (report: RunReport, steps: number) => boolean): RunReport[] {
  const reports: RunReport[] = [];
  let steps = 0;
  for (let seed = from; seed < from + 400; seed += 1) {
    const report = simulatePair(seed, broken);
    reports.push(report);
    steps += report.steps;
    if (report.violation !== undefined || enough(report, steps)) break;
  }
  return reports;
}

const tell = ({ seed, violation, story }: RunReport): string =>
  `HALLKEEPER_SEED=${seed}: ${violation ?? 'no violation'}\n  ${story.slice(-60).join('\n  ')}`;

describe('the pair in a simulated world', () => {
  test(`nothing acknowledged is lost, and the pair settles once faults stop (HALLKEEPER_SEED=${firstSeed})`, () => {
    const reports = live(firstSeed, undefined, (_, steps) => steps >= stepsMin);
    const broken = reports.find(({ violation }) => violation !== undefined);
    expect(broken === undefined ? '' : tell(broken)).toBe('');
    const sum = (of: (report: RunReport) => number): number => reports.reduce((total, report) => total + of(report), 0);
    expect(sum(({ steps }) => steps)).toBeGreaterThanOrEqual(stepsMin);
    // A world in which nothing happens proves nothing.
    expect(sum(({ failovers }) => failovers)).toBeGreaterThan(5);
    expect(sum(({ acknowledged }) => acknowledged)).toBeGreaterThan(5_000);
  }, 240_000);

  test('the same seed gives the same life', () => {
    expect(simulatePair(4_711)).toEqual(simulatePair(4_711));
  }, 60_000);

  // Where the search for a violation begins. Any number will do; these find it soon.
  const from: Readonly<Record<Sabotage, number>> = {
    gate: 1,
    casDegrade: 1,
    addOrder: 1,
    startBlind: 1,
    settle: 140,
    proof: 110,
    silentRetry: 1,
  };
  for (const broken of sabotages) {
    test(`without the rule "${broken}" a violation is found`, () => {
      const found = live(from[broken], broken, () => false).at(-1);
      expect(found?.violation).toBeDefined();
    }, 240_000);
  }
});
