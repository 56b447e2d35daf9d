import type { CelRule, Crd, Schema } from '../../scripts/generate/crd.ts';
import type { Manifest } from './api-server.ts';

/** Changes of a manifest, path → value; `[]` is the first entry of a list, `undefined` removes the field. */
export type Changes = Readonly<Record<string, unknown>>;

/** One rule of a definition with an object that it accepts and one that it refuses. */
export interface RuleExample {
  /** Path of the schema that carries the rule, such as `spec.members[].name`; empty for the object as a whole. */
  readonly at: string;
  /** `pattern`, or how the message of the CEL rule begins. */
  readonly rule: string;
  /** For a rule about changes: how the object was before. `status.` belongs to it too. */
  readonly before?: Changes;
  readonly accepted: Changes;
  readonly refused: Changes;
  /** What the server must say where the message is computed. Otherwise the whole message of the rule is expected. */
  readonly says?: string;
}

/** Examples of one kind, all of them changes of one manifest in which every optional field is set. */
export interface KindExamples {
  readonly base: Manifest & Readonly<Record<string, unknown>>;
  readonly examples: readonly RuleExample[];
}

/** A rule as it stands in a definition. */
export interface FoundRule {
  readonly at: string;
  readonly schema: Schema;
  readonly cel?: CelRule;
}

/** The two rules of a duration: its form and its limits. */
export function duration(at: string, accepted: string, refused: string, limits: string): readonly RuleExample[] {
  const name = at.split('.').at(-1) ?? '';
  return [
    { at, rule: 'pattern', accepted: { [at]: accepted }, refused: { [at]: '-5s' } },
    { at, rule: `${name} must be from ${limits}`, accepted: { [at]: accepted }, refused: { [at]: refused } },
  ];
}

export function pattern(at: string, accepted: unknown, refused: unknown): RuleExample {
  return { at, rule: 'pattern', accepted: { [at]: accepted }, refused: { [at]: refused } };
}

/** Every pattern and CEL rule of a definition. */
export function rulesOf(crd: Crd): readonly FoundRule[] {
  return schemasOf(crd).flatMap(({ at, schema }) => [
    ...(schema.pattern === undefined ? [] : [{ at, schema }]),
    ...(schema['x-kubernetes-validations'] ?? []).map((cel) => ({ at, schema, cel })),
  ]);
}

/** Every field with a closed list of values. */
export function choicesOf(crd: Crd): readonly { readonly at: string; readonly values: readonly string[] }[] {
  return schemasOf(crd).flatMap(({ at, schema }) => (schema.enum === undefined ? [] : [{ at, values: schema.enum }]));
}

/** Every field of a definition with its path. Entries of lists are `[]`, values of maps `{}`. */
export function schemasOf(crd: Pick<Crd, 'schema'>): readonly { readonly at: string; readonly schema: Schema }[] {
  const found: { readonly at: string; readonly schema: Schema }[] = [];
  const visit = (schema: Schema, at: string): void => {
    found.push({ at, schema });
    for (const [name, child] of Object.entries(schema.properties ?? {})) visit(child, at === '' ? name : `${at}.${name}`);
    if (schema.items !== undefined) visit(schema.items, `${at}[]`);
    if (schema.additionalProperties !== undefined) visit(schema.additionalProperties, `${at}{}`);
  };
  visit(crd.schema, '');
  return found;
}

/** Whether the example is about this rule. */
export function isAbout(example: RuleExample, { at, cel }: FoundRule): boolean {
  if (example.at !== at) return false;
  return cel === undefined ? example.rule === 'pattern' : (cel.message ?? '').startsWith(example.rule);
}

/** The manifest with the changes made, the original untouched. */
export function changed<T extends object>(manifest: T, changes: Changes): T {
  // By way of JSON, which takes apart what two places of the manifest share.
  const copy = JSON.parse(JSON.stringify(manifest)) as T;
  for (const [path, value] of Object.entries(changes)) {
    setAt(copy as Record<string, unknown>, stepsOf(path), structuredClone(value));
  }
  return copy;
}

/** `spec.members[].name` → spec, members, 0, name; `a{}` → the entry `key` of a map. */
function stepsOf(path: string): readonly string[] {
  return path.replaceAll('[]', '.0').replaceAll('{}', '.key').split('.');
}

function setAt(target: Record<string, unknown>, steps: readonly string[], value: unknown): void {
  const [step = '', ...rest] = steps;
  if (rest.length === 0) {
    if (value === undefined) delete target[step];
    else target[step] = value;
    return;
  }
  const next = target[step];
  const isContainer = typeof next === 'object' && next !== null;
  if (!isContainer) target[step] = rest[0] === '0' ? [] : {};
  setAt(target[step] as Record<string, unknown>, rest, value);
}
