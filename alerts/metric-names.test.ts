import { readFile, readdir } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { memberFamilies } from '#agents/member/member-families.ts';
import { terminalFamilies } from '#exporters/terminal/families.ts';
import type { Family } from '#lib/exposition/family.ts';
import { operatorFamilies } from '#operator/families.ts';
import { boardFiles } from '../grafana-dashboards/boards.ts';
import { dashboardQueries } from '../grafana-dashboards/dashboard-queries.ts';
import type { BoardJson } from '../grafana-dashboards/board-json.ts';
import { hallExposition } from '../grafana-dashboards/testing/hall-exposition.ts';
import { parsePromql } from '../grafana-dashboards/promql.ts';
import { alertRules, alertsFolder } from './rule-files.ts';

const families = new Map<string, Family>(
  [terminalFamilies, memberFamilies, operatorFamilies]
    .flatMap((table): readonly Family[] => Object.values(table))
    .map((family): [string, Family] => [family.name, family]),
);

/**
 * Families that rules read although nothing exposes them yet, with what that means. Each must be unknown, so that an entry goes when its
 * family comes.
 */
const awaited = new Map([['hallkeeper_hall_in_service', 'every hall counts as in service']]);

/** Stands for a value that a description takes from a label of its alert. */
const given = 'givenByTheAlert';

/** What is wrong with an expression, by the tables of families: unknown metrics, labels and values. */
function problemsOf(expr: string): readonly string[] {
  const parsed = parsePromql(expr);
  if (!parsed.ok) return [`${expr} ${parsed.problem}`];
  return parsed.selectors
    .filter(({ metric }) => metric.startsWith('hallkeeper_'))
    .flatMap(({ metric, matchers }) => {
      const family = families.get(metric);
      if (family === undefined) return awaited.has(metric) ? [] : [`${metric} is not exposed`];
      return matchers.flatMap((matcher) => matcherProblems(family, matcher));
    });
}

function matcherProblems({ name, labels }: Family, matcher: string): readonly string[] {
  const [, label = '', operator = '', value = ''] = /^(\w+)(=~|!~|!=|=)"(.*)"$/.exec(matcher) ?? [];
  const known = labels[label];
  if (known === undefined) return [`${name} has no label ${label}`];
  const values = operator.endsWith('~') ? value.split('|') : [value];
  return known === 'any'
    ? []
    : values.filter((each) => each !== given && !known.includes(each)).map((each) => `${name} is never ${label}="${each}"`);
}

describe('every metric, label and value exists', () => {
  test('in the rules', async () => {
    const exprs = (await alertRules()).map(({ expr }) => expr);
    expect(exprs.flatMap(problemsOf)).toEqual([]);
  });

  test('in the queries inside of descriptions', async () => {
    const described = (await alertRules()).flatMap(({ annotations }) => [
      ...(annotations['description'] ?? '').matchAll(/printf "((?:[^"\\]|\\.)*)"/g),
    ]);
    expect(described.length).toBeGreaterThan(3);
    const exprs = described.map(([, format = '']) => format.replaceAll('\\"', '"').replaceAll('%q', `"${given}"`).replaceAll('%s', '1'));
    expect(exprs.flatMap(problemsOf)).toEqual([]);
  });

  test('in the runbooks', async () => {
    const folder = new URL('../docs/runbooks/', alertsFolder);
    const pages = await Promise.all((await readdir(folder)).map((name) => readFile(new URL(name, folder), 'utf8')));
    const exprs = pages.flatMap((page) =>
      [...page.matchAll(/^ *```promql\n([^`]*)```/gm)].flatMap(([, block = '']) => block.trim().split('\n')),
    );
    expect(exprs.flatMap((expr) => problemsOf(expr.trim()))).toEqual([]);
    const named = pages.flatMap((page) => [...page.matchAll(/`(hallkeeper_\w+)`/g)].map(([, name = '']) => name));
    expect(named.filter((name) => !families.has(name) && !awaited.has(name))).toEqual([]);
  });

  test('on the boards', () => {
    const queries = [...boardFiles().values()].flatMap((text) => dashboardQueries(JSON.parse(text) as BoardJson));
    expect(queries.flatMap(({ expr }) => problemsOf(expr))).toEqual([]);
  });

  test('in the exposition that the boards are tried with', () => {
    const samples = hallExposition(0, 0)
      .split('\n')
      .filter((line) => line.startsWith('hallkeeper_'));
    expect(samples.flatMap((line) => problemsOf(line.slice(0, line.lastIndexOf(' '))))).toEqual([]);
  });
});

test('the check finds a metric, a label and a value that do not exist', () => {
  expect(problemsOf('hallkeeper_nothing')).toEqual(['hallkeeper_nothing is not exposed']);
  expect(problemsOf('sum(hallkeeper_pair_mode{mood="solo"})')).toEqual(['hallkeeper_pair_mode has no label mood']);
  expect(problemsOf('hallkeeper_terminal_state{state=~"offline|asleep"}')).toEqual(['hallkeeper_terminal_state is never state="asleep"']);
});

test('nothing is awaited that is there already', () => {
  expect([...awaited.keys()].filter((name) => families.has(name))).toEqual([]);
});
