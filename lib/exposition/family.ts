import { invariant } from '#lib/base/invariant.ts';

/**
 * Kinds of families, in the words of OpenMetrics. The text format has no `info`, `stateset` and `unknown`: there they are written
 * as `gauge`, `gauge` and `untyped`.
 */
export type FamilyKind = 'counter' | 'gauge' | 'histogram' | 'info' | 'stateset' | 'unknown';

/** Values a label may have: a closed list, or any text. An open label needs a bound elsewhere: a table's `rowsMax`. */
export type LabelValues = readonly string[] | 'any';

/** Labels in the order in which they are written. */
export type LabelSpec = Readonly<Record<string, LabelValues>>;

/** One line of a family table. `name` is the full name of the samples, so a counter's ends in `_total` and an info's in `_info`. */
export interface Family<L extends LabelSpec = LabelSpec> {
  readonly name: string;
  readonly kind: FamilyKind;
  /** Base unit; the name (without `_total`) ends in it. */
  readonly unit?: string;
  readonly labels: L;
  /** Whole sentences for an operator; says where the value comes from. */
  readonly help: string;
  /** Version of the product that exposed it first. */
  readonly since: string;
  /** Upper bounds of a histogram's buckets, ascending, without the infinite one. */
  readonly bounds?: readonly number[];
}

/** The label values that one series of a family needs. */
export type LabelsOf<L extends LabelSpec> = { readonly [K in keyof L]: L[K] extends readonly (infer V)[] ? V : string };

/**
 * Checks a family table once, when its module is loaded, and gives it back with its types.
 *
 * @throws InvariantBroken  naming every problem of the table.
 */
export function defineFamilies<const T extends Readonly<Record<string, Family>>>(
  table: T,
): { readonly [K in keyof T]: Family<T[K]['labels']> } {
  const families = Object.values(table);
  const problems = families.flatMap((family) => familyProblems(family).map((problem) => `${family.name}: ${problem}`));
  for (const names of [families.map((family) => family.name), families.map(openMetricsName)]) {
    for (const name of new Set(names)) if (names.indexOf(name) !== names.lastIndexOf(name)) problems.push(`${name}: stands twice`);
  }
  invariant(problems.length === 0, `families follow the naming rules (${problems.join('; ')})`);
  return table;
}

/** The name in HELP, TYPE and UNIT lines of OpenMetrics: without the suffix that the kind adds to its samples. */
export function openMetricsName(family: Family): string {
  if (family.kind === 'counter') return family.name.slice(0, -'_total'.length);
  if (family.kind === 'info') return family.name.slice(0, -'_info'.length);
  return family.name;
}

/** Suffixes that formats give a meaning of their own. */
const reservedSuffixes = ['_total', '_info', '_count', '_sum', '_bucket', '_created'] as const;

/** Base units of which the name and `unit` must agree. */
const baseUnits = ['seconds', 'bytes', 'volts', 'celsius', 'ratio'] as const;

/** Labels that Prometheus or its operator sets on every target, or that mean too little or too much; reserved ones of the formats. */
const refusedLabels: ReadonlySet<string> = new Set(
  `le quantile instance job type owner customer service namespace pod container endpoint node
   region zone cluster availability_zone az datacenter dc stage env environment`.split(/\s+/),
);

function familyProblems(family: Family): string[] {
  const { name, kind, unit, labels, help, since, bounds } = family;
  const problems: string[] = [];
  const refuse = (broken: boolean, problem: string): void => void (broken && problems.push(problem));
  const own = kind === 'counter' ? '_total' : kind === 'info' ? '_info' : undefined;
  refuse(!/^[a-z][a-z0-9]*(_[a-z0-9]+)*$/.test(name), 'the name is not snake_case');
  refuse(own !== undefined && !name.endsWith(own), `the name of a ${kind} ends in ${own ?? ''}`);
  for (const suffix of reservedSuffixes) refuse(suffix !== own && name.endsWith(suffix), `the name of a ${kind} must not end in ${suffix}`);
  const base = openMetricsName(family);
  refuse(unit !== undefined && !base.endsWith(`_${unit}`), `the name does not end in its unit ${unit ?? ''}`);
  refuse(unit !== undefined && (kind === 'info' || kind === 'stateset'), `a ${kind} has no unit`);
  for (const known of baseUnits) refuse(base.endsWith(`_${known}`) && unit !== known, `the unit ${known} of the name is not declared`);
  refuse(help === '' || !help.endsWith('.'), 'help is not a sentence');
  refuse(!/^\d+\.\d+\.\d+$/.test(since), 'since is not a version');
  for (const [label, values] of Object.entries(labels)) {
    refuse(!/^[a-z][a-z0-9_]*$/.test(label) || label.startsWith('__'), `the label ${label} is not snake_case`);
    refuse(refusedLabels.has(label), `the label ${label} is refused`);
    refuse(values !== 'any' && new Set(values).size !== values.length, `the label ${label} lists a value twice`);
    refuse(kind !== 'stateset' && label === name, `the label ${label} is named like the family`);
  }
  refuse(kind === 'stateset' && Object.keys(labels).at(-1) !== name, 'the last label of a stateset is named like the family');
  refuse((kind === 'histogram') !== (bounds !== undefined), 'bounds belong to histograms, and every histogram has them');
  refuse(
    bounds?.some((bound, index) => !Number.isFinite(bound) || bound <= (bounds[index - 1] ?? -Infinity)) ?? false,
    'bounds do not ascend',
  );
  return problems;
}
