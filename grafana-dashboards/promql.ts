import { parser } from '@prometheus-io/lezer-promql';
import type { SyntaxNode } from '@lezer/common';

/** Values for the variables of a board. `hall` is a regular expression, because the variable may hold several. */
export interface VariableValues {
  readonly hall: string;
  /** Length of the shown range, such as `1h`. */
  readonly range: string;
  readonly rateInterval: string;
  readonly interval: string;
}

/** Distinct durations, so that a check can tell in a parsed expression which variable stood where. */
export const checkValues: VariableValues = { hall: '$hall', range: '61m', rateInterval: '3m', interval: '31s' };

/** Puts values in the place of the variables, as Grafana does before it asks Prometheus. */
export function substitute(expr: string, { hall, range, rateInterval, interval }: VariableValues): string {
  return expr
    .replaceAll('$__rate_interval', rateInterval)
    .replaceAll('$__interval', interval)
    .replaceAll('$__range', range)
    .replaceAll('$hall', hall);
}

/** One use of a metric in an expression. */
export interface SelectorUse {
  readonly metric: string;
  /** Its matchers as written, such as `hall=~"$hall"`. */
  readonly matchers: readonly string[];
  /** The function or aggregation directly around it; a range, an offset or brackets do not count. Empty: none. */
  readonly within: string;
  /** The range that stands behind it, such as `3m`. Empty: none. */
  readonly range: string;
}

export type ParsedPromql =
  { readonly ok: true; readonly selectors: readonly SelectorUse[] } | { readonly ok: false; readonly problem: string };

/** Reads an expression whose variables have values already. Only the grammar: whether Prometheus accepts it, promtool says. */
export function parsePromql(expr: string): ParsedPromql {
  const tree = parser.parse(expr);
  const selectors: SelectorUse[] = [];
  let problem: string | undefined;
  tree.iterate({
    enter: ({ type, from, node }) => {
      if (type.isError) problem ??= `is not PromQL near ${JSON.stringify(expr.slice(Math.max(0, from - 10), from + 20))}`;
      if (type.name === 'VectorSelector') selectors.push(selectorOf(node, expr));
    },
  });
  return problem === undefined ? { ok: true, selectors } : { ok: false, problem };
}

function selectorOf(node: SyntaxNode, expr: string): SelectorUse {
  const textOf = (found: SyntaxNode | null): string => (found === null ? '' : expr.slice(found.from, found.to));
  const matchers = textOf(node.getChild('LabelMatchers')).replace(/^\{|\}$/g, '');
  let range = '';
  let outer = node.parent;
  while (outer !== null && passedThrough.has(outer.name)) {
    if (outer.name === 'MatrixSelector') range = /\[([^\]:]+)\]$/.exec(textOf(outer))?.[1] ?? '';
    outer = outer.parent;
  }
  const called = outer?.name === 'FunctionCall' || outer?.name === 'AggregateExpr' ? textOf(outer.firstChild) : '';
  return { metric: textOf(node.getChild('Identifier')), matchers: splitMatchers(matchers), within: called, range };
}

/** Nodes between a selector and the call around it that change nothing about which call that is. */
const passedThrough = new Set(['MatrixSelector', 'ParenExpr', 'OffsetExpr', 'StepInvariantExpr', 'FunctionCallBody', 'FunctionCallArgs']);

function splitMatchers(text: string): readonly string[] {
  return [...text.matchAll(/[a-zA-Z_]\w*\s*(?:=~|!~|!=|=)\s*"(?:[^"\\]|\\.)*"/g)].map(([matcher]) => matcher.replace(/\s/g, ''));
}
