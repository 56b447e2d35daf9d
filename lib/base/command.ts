import { parseArgs } from 'node:util';
import { defineErrors } from './errors.ts';

export const commandErrors = defineErrors({
  HK_USAGE: { retry: 'never', says: 'the command line is refused' },
});

/** Exit codes of every program and script of ours, as `--help` prints them. */
export const exitCodes = { ok: 0, failed: 1, usage: 2 } as const;

interface CommandOption {
  readonly help: string;
  /** Name of the value in the help text; absent for a switch. */
  readonly value?: string;
  readonly fallback?: string;
}

export interface CommandSpec<Name extends string> {
  readonly name: string;
  readonly summary: string;
  readonly options: Readonly<Record<Name, CommandOption>>;
  /** Names of the positional arguments for the help text; all are required. */
  readonly positionals?: readonly string[];
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

/** Reads a command line. Unknown options, missing values and missing arguments are told together with how to get help. */
export function parseCommand<Name extends string>(spec: CommandSpec<Name>, args: readonly string[]): ParsedCommand<Name> {
  const names = Object.keys(spec.options) as Name[];
  const options = Object.fromEntries(
    names.map((name) => [name, { type: spec.options[name].value === undefined ? 'boolean' : 'string' } as const]),
  );
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      options: { ...options, help: { type: 'boolean', short: 'h' } },
      allowPositionals: true,
      strict: true,
    });
    if (values['help'] === true) return { do: 'print', text: helpText(spec), exitCode: exitCodes.ok };
    const wanted = spec.positionals ?? [];
    if (positionals.length !== wanted.length) {
      const expected = wanted.length === 0 ? 'no arguments' : `${wanted.length} argument(s): ${wanted.join(' ')}`;
      throw commandErrors.HK_USAGE(`expected ${expected}, found ${positionals.length}`);
    }
    const given = values as Readonly<Record<string, string | boolean | undefined>>;
    const text = (name: Name): string | undefined => {
      const value = given[name];
      return typeof value === 'string' ? value : spec.options[name].fallback;
    };
    return { do: 'run', line: { positionals, text, has: (name) => given[name] !== undefined } };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { do: 'print', text: `${spec.name}: ${message}\nSee '${spec.name} --help'.\n`, exitCode: exitCodes.usage };
  }
}

function helpText<Name extends string>(spec: CommandSpec<Name>): string {
  const rows = (Object.entries(spec.options) as [Name, CommandOption][]).map(([name, option]) => {
    const left = option.value === undefined ? `--${name}` : `--${name} ${option.value}`;
    return [left, option.fallback === undefined ? option.help : `${option.help} (default ${option.fallback})`] as const;
  });
  rows.push(['--help', 'print this text']);
  const width = Math.max(...rows.map(([left]) => left.length));
  const usage = ['usage:', spec.name, ...(spec.positionals ?? []), '[options]'].join(' ');
  const lines = rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`);
  return `${spec.summary}\n\n${usage}\n\n${lines.join('\n')}\n\nexit codes: 0 done, 1 failed, 2 wrong usage\n`;
}
