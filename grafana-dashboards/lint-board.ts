import { units } from './board-plan.ts';
import { panelsOf } from './board-json.ts';
import type { BoardJson, PanelJson, TargetJson, VariableJson } from './board-json.ts';
import { checkValues, parsePromql, substitute } from './promql.ts';
import type { SelectorUse } from './promql.ts';

export interface LintFinding {
  readonly rule: string;
  /** Panel, target or variable; empty for the board as a whole. */
  readonly where: string;
  readonly says: string;
}

type Rule<Subject> = (subject: Subject) => readonly string[];

const datasourceUid = '${datasource}';
/** Panels whose value is a text of its own, never a number with a unit. */
const unitFreePanels = new Set(['text', 'row']);

/**
 * Rules of grafana/dashboard-linter as far as they make sense for our boards. Its rules about `job` hold for `hall` here; its rules about
 * `instance` are left out, because a board shows halls and not processes. Its rules about Loki have nothing to check.
 */
const boardRules: Readonly<Record<string, Rule<BoardJson>>> = {
  'template-datasource-rule': ({ templating }) => {
    const found = (templating?.list ?? []).filter(({ type }) => type === 'datasource');
    const [only] = found;
    if (found.length !== 1 || only?.name !== 'datasource') return ['has no data source variable named "datasource"'];
    return only.label === 'Data source' ? [] : ['the data source variable must be labelled "Data source"'];
  },
  'template-hall-rule': ({ templating }) => {
    const hall = (templating?.list ?? []).find(({ name }) => name === 'hall');
    if (hall?.type !== 'query') return ['has no query variable named "hall"'];
    return [
      ...(hall.datasource?.uid === datasourceUid ? [] : ['the hall variable must use the data source variable']),
      ...(hall.multi === true && hall.includeAll === true ? [] : ['the hall variable must allow several halls and all of them']),
      ...(hall.allValue === '.+' ? [] : ['all halls must be asked for as ".+"']),
      ...(hall.label === 'Hall' ? [] : ['the hall variable must be labelled "Hall"']),
    ];
  },
  'uneditable-dashboard': ({ editable }) => (editable === false ? [] : ['must not be editable in the browser: it is generated']),
  'board-complete': (board) => [
    ...(board.id === null ? [] : ['id must be null, or it names another board of the same Grafana']),
    ...(/^hallkeeper-[a-z-]{1,28}$/.test(board.uid ?? '') ? [] : ['uid must be a stable name that starts with hallkeeper-']),
    ...(board.time?.from === undefined || board.refresh === undefined ? ['time and refresh must be set'] : []),
    ...(board.schemaVersion !== undefined && board.schemaVersion >= 36 ? [] : ['must have the classic schema, version 36 or newer']),
  ],
  'panel-ids-unique': (board) => {
    const ids = (board.panels ?? []).flatMap((panel) => [panel, ...(panel.panels ?? [])]).map(({ id }) => id);
    return ids.includes(undefined) || new Set(ids).size !== ids.length ? ['every panel must have an id of its own'] : [];
  },
  'panels-apart': (board) => overlaps(board.panels ?? []),
};

const variableRules: Readonly<Record<string, Rule<VariableJson>>> = {
  'template-label-promql-rule': ({ type, query }) => {
    if (type !== 'query') return [];
    const text = typeof query === 'string' ? query : (query?.query ?? '');
    const inner = /^label_values\((?:(.+),\s*)?[a-z_]+\)$/.exec(text);
    const parsed = inner === null ? undefined : parsePromql(substitute(inner[1] ?? 'up', checkValues));
    return parsed?.ok === true ? [] : [`its query ${JSON.stringify(text)} is not label_values of a selector`];
  },
  'template-on-time-change-reload-rule': ({ type, refresh }) =>
    type !== 'query' || refresh === 2 ? [] : ['must be asked anew when the shown time changes'],
};

const panelRules: Readonly<Record<string, Rule<PanelJson>>> = {
  'panel-datasource-rule': ({ datasource }) => (datasource?.uid === datasourceUid ? [] : ['does not use the data source variable']),
  'panel-title-description-rule': ({ title, description }) => [
    ...(title === undefined || title === '' ? ['has no title'] : []),
    ...(description === undefined || description === '' ? ['has no description'] : []),
  ],
  'panel-units-rule': ({ type, fieldConfig }) => {
    const { unit, mappings } = fieldConfig?.defaults ?? {};
    if (unitFreePanels.has(type) || (mappings?.length ?? 0) > 0) return [];
    return units.some((known) => known === unit) ? [] : [`has the unit ${JSON.stringify(unit)}; use a known one`];
  },
  'panel-no-targets-rule': ({ targets }) => ((targets?.length ?? 0) === 0 ? ['asks nothing'] : []),
  'panel-legend': ({ type, options }) =>
    type === 'timeseries' && options?.legend?.showLegend !== true ? ['hides the legend although it may show several series'] : [],
  'target-ref-ids': ({ targets }) => {
    const ids = (targets ?? []).map(({ refId }) => refId);
    return ids.some((id) => id === undefined || id === '') || new Set(ids).size !== ids.length ? ['targets need a refId each'] : [];
  },
};

const targetRules: Readonly<Record<string, Rule<TargetJson>>> = {
  'target-datasource-rule': ({ datasource }) => (datasource?.uid === datasourceUid ? [] : ['does not use the data source variable']),
  'target-promql-rule': ({ expr }) => {
    if (expr === undefined || expr.trim() === '') return ['has no expression'];
    const parsed = parsePromql(substitute(expr, checkValues));
    const left = /\$(?!hall\b)\w+/.exec(substitute(expr, checkValues));
    return [...(parsed.ok ? [] : [parsed.problem]), ...(left === null ? [] : [`uses ${left[0]}, which nothing gives a value`])];
  },
  'target-rate-interval-rule': ({ expr }) =>
    selectorsOf(expr)
      .filter(({ within, range }) => (within === 'rate' || within === 'irate') && range !== checkValues.rateInterval)
      .map(({ metric, within }) => `${within}(${metric}) must range over $__rate_interval`),
  'target-hall-rule': ({ expr }) =>
    selectorsOf(expr)
      .filter(({ matchers }) => !matchers.includes('hall=~"$hall"'))
      .map(({ metric }) => `${metric} is not narrowed by hall=~"$hall"`),
  'target-counter-agg-rule': ({ expr }) =>
    selectorsOf(expr)
      .filter(({ metric, within }) => metric.endsWith('_total') && !['rate', 'irate', 'increase'].includes(within))
      .map(({ metric }) => `the counter ${metric} stands outside of rate, irate and increase`),
  'target-gauge-agg-rule': ({ expr }) =>
    selectorsOf(expr)
      .filter(({ metric, within }) => ['rate', 'irate', 'increase'].includes(within) && !/_(total|bucket|sum|count)$/.test(metric))
      .map(({ metric, within }) => `${within}(${metric}) takes a gauge for a counter; use delta, deriv or a window of the gauge itself`),
  'target-range-rule': ({ expr, instant }) =>
    instant === true || /@ end\(\)/.test(expr ?? '')
      ? []
      : selectorsOf(expr)
          .filter(({ range }) => range === checkValues.range)
          .map(({ metric }) => `${metric} is asked over $__range at each step of a course; ask it once, or over $__interval`),
};

/** Everything that is wrong with a board. Empty: nothing. */
export function lintBoard(board: BoardJson): readonly LintFinding[] {
  const panels = panelsOf(board);
  return [
    ...apply(boardRules, board, ''),
    ...(board.templating?.list ?? []).flatMap((variable) => apply(variableRules, variable, `variable ${variable.name}`)),
    ...panels.flatMap((panel) => apply(panelRules, panel, `panel "${panel.title ?? ''}"`)),
    ...panels.flatMap((panel) =>
      (panel.targets ?? []).flatMap((target) => apply(targetRules, target, `panel "${panel.title ?? ''}", target ${target.refId ?? ''}`)),
    ),
  ];
}

/** The names of all rules, so that a test can prove each of them. */
export const lintRuleNames: readonly string[] = [boardRules, variableRules, panelRules, targetRules].flatMap((rules) => Object.keys(rules));

function apply<Subject>(rules: Readonly<Record<string, Rule<Subject>>>, subject: Subject, where: string): readonly LintFinding[] {
  return Object.entries(rules).flatMap(([rule, check]) => check(subject).map((says) => ({ rule, where, says })));
}

function selectorsOf(expr: string | undefined): readonly SelectorUse[] {
  const parsed = parsePromql(substitute(expr ?? '', checkValues));
  return parsed.ok ? parsed.selectors : [];
}

function overlaps(panels: readonly PanelJson[]): readonly string[] {
  const placed = panels.flatMap(({ title, gridPos }) => (gridPos === undefined ? [] : [{ title: title ?? '', ...gridPos }]));
  if (placed.length !== panels.length) return ['every panel must have a position'];
  return placed.flatMap((a, index) => [
    ...(a.x + a.w > 24 ? [`"${a.title}" is wider than the board`] : []),
    ...placed
      .slice(index + 1)
      .filter((b) => a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h)
      .map((b) => `"${a.title}" lies over "${b.title}"`),
  ]);
}
