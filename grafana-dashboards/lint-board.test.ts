import { expect, test } from 'vitest';
import type { BoardJson, PanelJson, TargetJson } from './board-json.ts';
import { lintBoard, lintRuleNames } from './lint-board.ts';

const datasource = { type: 'prometheus', uid: '${datasource}' };
const target: TargetJson = { refId: 'A', expr: 'sum(rate(x_total{hall=~"$hall"}[$__rate_interval]))', legendFormat: '', datasource };
const panel: PanelJson = {
  id: 1,
  type: 'timeseries',
  title: 'Calls',
  description: 'How many.',
  datasource,
  gridPos: { x: 0, y: 0, w: 12, h: 8 },
  targets: [target],
  fieldConfig: { defaults: { unit: 'ops' } },
  options: { legend: { showLegend: true } },
};
const hall = {
  name: 'hall',
  type: 'query',
  label: 'Hall',
  query: 'label_values(x, hall)',
  datasource,
  multi: true,
  includeAll: true,
  allValue: '.+',
  refresh: 2,
};
const source = { name: 'datasource', type: 'datasource', label: 'Data source' };
const board: BoardJson = {
  id: null,
  uid: 'hallkeeper-test',
  editable: false,
  schemaVersion: 42,
  refresh: '30s',
  time: { from: 'now-1h', to: 'now' },
  templating: { list: [source, hall] },
  panels: [panel],
};
const withPanel = (over: Partial<PanelJson>): BoardJson => ({ ...board, panels: [{ ...panel, ...over }] });
const withTarget = (over: Partial<TargetJson>): BoardJson => withPanel({ targets: [{ ...target, ...over }] });
const withExpr = (expr: string): BoardJson => withTarget({ expr });

test('a board that keeps all rules has no finding', () => {
  expect(lintBoard(board)).toEqual([]);
});

const { description: _, ...undescribed } = panel;
const broken: readonly { rule: string; behaviour: string; board: BoardJson }[] = [
  {
    rule: 'template-datasource-rule',
    behaviour: 'a board without a data source variable',
    board: { ...board, templating: { list: [hall] } },
  },
  {
    rule: 'template-datasource-rule',
    behaviour: 'a data source variable of another label',
    board: { ...board, templating: { list: [{ ...source, label: 'x' }, hall] } },
  },
  {
    rule: 'template-hall-rule',
    behaviour: 'a hall variable for one hall only',
    board: { ...board, templating: { list: [source, { ...hall, multi: false }] } },
  },
  {
    rule: 'template-hall-rule',
    behaviour: 'all halls asked for as a long list',
    board: { ...board, templating: { list: [source, { ...hall, allValue: '' }] } },
  },
  { rule: 'uneditable-dashboard', behaviour: 'an editable board', board: { ...board, editable: true } },
  { rule: 'board-complete', behaviour: 'a board with an id', board: { ...board, id: 7 } },
  {
    rule: 'panel-ids-unique',
    behaviour: 'two panels of one id',
    board: { ...board, panels: [panel, { ...panel, gridPos: { x: 12, y: 0, w: 12, h: 8 } }] },
  },
  { rule: 'panels-apart', behaviour: 'a panel over another', board: { ...board, panels: [panel, { ...panel, id: 2 }] } },
  {
    rule: 'template-label-promql-rule',
    behaviour: 'a variable that does not parse',
    board: { ...board, templating: { list: [source, { ...hall, query: 'label_values(x{, hall)' }] } },
  },
  {
    rule: 'template-on-time-change-reload-rule',
    behaviour: 'a variable that is asked once',
    board: { ...board, templating: { list: [source, { ...hall, refresh: 1 }] } },
  },
  { rule: 'panel-datasource-rule', behaviour: 'a fixed data source', board: withPanel({ datasource: { uid: 'abc' } }) },
  { rule: 'panel-title-description-rule', behaviour: 'a panel without description', board: { ...board, panels: [undescribed] } },
  { rule: 'panel-units-rule', behaviour: 'an unknown unit', board: withPanel({ fieldConfig: { defaults: { unit: 'seconds' } } }) },
  { rule: 'panel-no-targets-rule', behaviour: 'a panel that asks nothing', board: withPanel({ targets: [] }) },
  { rule: 'panel-legend', behaviour: 'a hidden legend', board: withPanel({ options: {} }) },
  { rule: 'target-ref-ids', behaviour: 'two targets of one refId', board: withPanel({ targets: [target, target] }) },
  { rule: 'target-datasource-rule', behaviour: 'a target of another data source', board: withTarget({ datasource: { uid: 'abc' } }) },
  { rule: 'target-promql-rule', behaviour: 'an expression that does not parse', board: withExpr('sum(x{hall=~"$hall"}') },
  { rule: 'target-promql-rule', behaviour: 'a variable that does not exist', board: withExpr('x{hall=~"$hall",pair="$pair"}') },
  { rule: 'target-rate-interval-rule', behaviour: 'a rate over a fixed range', board: withExpr('rate(x_total{hall=~"$hall"}[5m])') },
  { rule: 'target-hall-rule', behaviour: 'one of two selectors for all halls', board: withExpr('x{hall=~"$hall"} / y') },
  { rule: 'target-counter-agg-rule', behaviour: 'a counter with matchers outside of rate', board: withExpr('sum(x_total{hall=~"$hall"})') },
  { rule: 'target-gauge-agg-rule', behaviour: 'a rate of a gauge', board: withExpr('rate(x{hall=~"$hall"}[$__rate_interval])') },
  { rule: 'target-gauge-agg-rule', behaviour: 'an increase of a gauge', board: withExpr('sum(increase(x_seconds{hall=~"$hall"}[1h]))') },
  {
    rule: 'target-range-rule',
    behaviour: 'the whole range at each step of a course',
    board: withExpr('sum(increase(x_total{hall=~"$hall"}[$__range]))'),
  },
];
for (const { rule, behaviour, board: wrong } of broken) {
  test(`${rule} finds ${behaviour}, and nothing else is found`, () => {
    expect([...new Set(lintBoard(wrong).map((finding) => finding.rule))]).toEqual([rule]);
  });
}

test('a board without any list of variables is judged, not stumbled over', () => {
  expect(lintBoard({ ...board, templating: {} }).map(({ rule }) => rule)).toEqual(['template-datasource-rule', 'template-hall-rule']);
});

test('every rule is proven by a broken board', () => {
  expect([...new Set(broken.map(({ rule }) => rule))].toSorted()).toEqual([...lintRuleNames].toSorted());
});

test('what may be: value mappings instead of a unit, fixed ranges of other functions, increase of a counter', () => {
  expect(lintBoard(withPanel({ fieldConfig: { defaults: { mappings: [{}] } } }))).toEqual([]);
  expect(lintBoard(withExpr('max_over_time(x{hall=~"$hall"}[5m])'))).toEqual([]);
  expect(lintBoard(withExpr('increase(x_total{hall=~"$hall"}[$__range] @ end())'))).toEqual([]);
  expect(lintBoard(withTarget({ expr: 'increase(x_total{hall=~"$hall"}[$__range])', instant: true }))).toEqual([]);
  expect(lintBoard(withExpr('histogram_quantile(0.9, rate(x_seconds_bucket{hall=~"$hall"}[$__rate_interval]))'))).toEqual([]);
});
