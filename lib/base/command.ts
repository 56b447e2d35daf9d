import { parseArgs } from 'node:util';
import type { ParseArgsConfig } from 'node:util';
import { defineErrors } from './errors.ts';
import { productVersion } from './version.ts';

export const commandErrors = defineErrors({
  HK_USAGE: { retry: 'never', says: 'the command line is refused' },
});

/** Exit codes of every program and script of ours, as `--help` prints them. */
export const exitCodes = { ok: 0, failed: 1, usage: 2 } as const;

export interface CommandOption {
  readonly help: string;
  /** Name of the value in the help text; absent for a switch. */
  readonly value?: string;
  readonly fallback?: string;
  /** One letter that means the same. */
  readonly short?: string;
  /** The values there are; absent: any. */
  readonly oneOf?: readonly string[];
  readonly required?: boolean;
}

export interface CommandSpec<Name extends string> {
  readonly name: string;
  readonly summary: string;
  readonly options: Readonly<Record<Name, CommandOption>>;
  /** Names of the positional arguments for the help text; all are required. */
  readonly positionals?: readonly string[];
  /** Names of arguments after those, each of which may be left out. */
  readonly optionalPositionals?: readonly string[];
  /** What further exit codes mean, in words for the help text. */
  readonly exits?: Readonly<Record<number, string>>;
}

export interface CommandLine<Name extends string> {
  readonly positionals: readonly string[];
  /** The text of an option, or undefined when it was not given and has no fallback. */
  text(name: Name): string | undefined;
  has(name: Name): boolean;
}

/** What the caller should do: run, or print `text` and leave with `exitCode`. */
export type ParsedCommand<Name extends string> =
  { readonly do: 'run'; readonly line: CommandLine<Name> } | { readonly do: 'print'; readonly text: string; readonly exitCode: number };

/** Reads a command line. A wrong one is told with how to get help; what is missing or has a wrong value is told together. */
export function parseCommand<Name extends string>(spec: CommandSpec<Name>, args: readonly string[]): ParsedCommand<Name> {
  try {
    const { values, positionals } = parseArgs({ args: [...args], options: argumentOptions(spec), allowPositionals: true, strict: true });
    if (values['help'] === true) return { do: 'print', text: helpText(spec), exitCode: exitCodes.ok };
    if (values['version'] === true) return { do: 'print', text: versionText(spec.name), exitCode: exitCodes.ok };
    const given = values as Readonly<Record<string, string | boolean | undefined>>;
    const text = (name: Name): string | undefined => {
      const value = given[name];
      return typeof value === 'string' ? value : spec.options[name].fallback;
    };
    const problems = [...countProblem(spec, positionals), ...valueProblems(spec, text)];
    if (problems.length > 0) return wrongUsage(spec.name, problems.join('; '));
    return { do: 'run', line: { positionals, text, has: (name) => given[name] !== undefined } };
  } catch (error) {
    return wrongUsage(spec.name, error instanceof Error ? error.message : String(error));
  }
}

/** What stands before a message of the program; `npm run check --` is how options are given to it, not its name. */
export function messagePrefix(name: string): string {
  return name.replace(/ --$/, '');
}

/** How a wrong command line is told, whoever finds that it is wrong. */
export function wrongUsage(name: string, why: string): { readonly do: 'print'; readonly text: string; readonly exitCode: number } {
  return { do: 'print', text: `${messagePrefix(name)}: ${why}\nSee '${name} --help'.\n`, exitCode: exitCodes.usage };
}

/** One line with the version that all programs share. */
export function versionText(name: string): string {
  return `${name.replace(/ --$/, '')} ${productVersion}\n`;
}

function argumentOptions<Name extends string>(spec: CommandSpec<Name>): NonNullable<ParseArgsConfig['options']> {
  const own = (Object.entries(spec.options) as [Name, CommandOption][]).map(([name, { value, short }]) => {
    const type = value === undefined ? ('boolean' as const) : ('string' as const);
    return [name, short === undefined ? { type } : { type, short }] as const;
  });
  return { ...Object.fromEntries(own), help: { type: 'boolean', short: 'h' }, version: { type: 'boolean' } };
}

function countProblem(
  { positionals: wanted = [], optionalPositionals: more = [] }: Pick<CommandSpec<string>, 'positionals' | 'optionalPositionals'>,
  found: readonly string[],
): readonly string[] {
  if (found.length >= wanted.length && found.length <= wanted.length + more.length) return [];
  const names = [...wanted, ...more.map((name) => `[${name}]`)];
  const expected = names.length === 0 ? 'no arguments' : `${names.length} argument(s): ${names.join(' ')}`;
  return [`expected ${expected}, found ${found.length}`];
}

function valueProblems<Name extends string>(spec: CommandSpec<Name>, text: (name: Name) => string | undefined): readonly string[] {
  return (Object.entries(spec.options) as [Name, CommandOption][]).flatMap(([name, { value, oneOf, required }]) => {
    const found = value === undefined ? undefined : text(name);
    if (found === undefined) return required === true ? [`--${name} ${value ?? ''} is required`] : [];
    return oneOf === undefined || oneOf.includes(found) ? [] : [`--${name} must be one of ${oneOf.join(', ')}`];
  });
}

function helpText<Name extends string>(spec: CommandSpec<Name>): string {
  const rows = (Object.entries(spec.options) as [Name, CommandOption][]).map(([name, option]) => {
    const long = option.value === undefined ? `--${name}` : `--${name} ${option.value}`;
    const left = option.short === undefined ? long : `-${option.short}, ${long}`;
    return [left, option.fallback === undefined ? option.help : `${option.help} (default ${option.fallback})`] as const;
  });
  rows.push(['--version', 'print the version'], ['--help', 'print this text']);
  const width = Math.max(...rows.map(([left]) => left.length));
  const usage = [
    'usage:',
    spec.name,
    ...(spec.positionals ?? []),
    ...(spec.optionalPositionals ?? []).map((each) => `[${each}]`),
    '[options]',
  ].join(' ');
  const lines = rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`);
  const codes = ['0 done', '1 failed', '2 wrong usage', ...Object.entries(spec.exits ?? {}).map(([code, words]) => `${code} ${words}`)];
  return `${spec.summary}\n\n${usage}\n\n${lines.join('\n')}\n\nexit codes: ${codes.join(', ')}\n`;
}
