import { expect, test } from 'vitest';
import { reportPage } from './report-file.ts';
import { jsonOf, lineOf, tableOf } from './report.ts';
import type { ScenarioResult } from './run-scenario.ts';
import type { Scenario } from './scenario.ts';

const scenario: Scenario = { name: 'cut', group: 'network', about: 'A cut.', changes: 0, act: () => Promise.resolve() };

const aResult = (lost: number | undefined): ScenarioResult => ({
  scenario: 'cut',
  group: 'network',
  expected: 'stays',
  verdict: lost === undefined ? 'not in step' : 'stays',
  ok: lost === 0,
  problems: lost === 0 ? [] : ['a problem'],
  outageMs: 100,
  directOutageMs: 90,
  tookMs: 4_000,
  acknowledged: 500,
  lost,
  notes: [],
});

const page = (...losses: readonly (number | undefined)[]): string =>
  reportPage([scenario], losses.map(aResult), { date: '2026-01-02', machine: 'a machine', times: losses.length });

test('a run whose copies were not compared tells of no lost writes, not even of none', () => {
  expect(lineOf(aResult(undefined))).toContain('losses not compared');
  expect(lineOf(aResult(2))).toContain(', 2 lost');
  expect(tableOf([aResult(undefined)])).toMatch(/^cut +0\.100 +0\.090 +not compared +not in step/m);
  expect(JSON.parse(jsonOf([aResult(undefined), aResult(0)]))).toMatchObject({ results: [{ lost: null }, { lost: 0 }] });
});

test.each([
  [[0, 0, 0], '0 lost; 0 runs were not compared', '| 0 |'],
  [[1, 0, 2], '3 lost; 0 runs were not compared', '| 3 |'],
  [[0, undefined, undefined], '0 lost; 2 runs were not compared', '| 0, 2 not compared |'],
  [[undefined], '0 lost; 1 runs were not compared', '| not compared |'],
])('the page of runs that lost %j names how many were not compared', (losses, sum, cell) => {
  const text = page(...losses);
  expect(text).toContain(sum);
  expect(text).toContain(cell);
});
