import { join } from 'node:path';
import { postgresErrors } from './errors.ts';
import type { InstanceSettings } from './instance.ts';
import { endOfProgram } from './program.ts';

export interface TriedParameters {
  /** Those that PostgreSQL takes. */
  readonly usable: Readonly<Record<string, string>>;
  /** What PostgreSQL says of the others, one sentence each. */
  readonly faults: readonly string[];
}

/**
 * Asks PostgreSQL itself whether it would take a pair's own parameters: an unknown name makes each start fail and each reload come to
 * nothing, the gate's among them. `postgres -C` reads settings, tells one and ends; it touches no data and loads no library, so it cannot
 * judge what a library's own parameters say. It names one fault at a time; each turn leaves out at least one parameter.
 *
 * @throws HK_POSTGRES_BINARIES, HK_POSTGRES_PROGRAM  when it cannot be asked.
 */
export async function tryParameters(
  { binaryDirectory, account, parameters }: Pick<InstanceSettings, 'binaryDirectory' | 'account' | 'parameters'>,
  signal: AbortSignal,
): Promise<TriedParameters> {
  const faults: string[] = [];
  let usable = Object.entries(parameters);
  while (usable.length > 0) {
    const own = usable.flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    // A file without lines stands for ours, and a directory that everybody may enter for the data's.
    const args = ['-D', '/', '-c', 'config_file=/dev/null', ...own, '-C', 'port'];
    const { exitCode, stderr } = await endOfProgram({ file: join(binaryDirectory, 'postgres'), args, directory: '/', account }, signal);
    if (exitCode === 0) break;
    const said = /FATAL:\s+(.*)/.exec(stderr)?.[1];
    if (said === undefined)
      throw postgresErrors.HK_POSTGRES_PROGRAM(`postgres -C ended with ${exitCode ?? 'a signal'}: ${stderr.trim().slice(-500)}`);
    faults.push(said);
    usable = without(
      usable,
      [...said.matchAll(/parameter "([^"]+)"/g)].map((match) => match[1] ?? ''),
    );
  }
  return { usable: Object.fromEntries(usable), faults };
}

/** The parameters without those of these names; none, when none of them is named. */
function without(parameters: readonly [string, string][], names: readonly string[]): [string, string][] {
  const bad = new Set(names.map((name) => name.toLowerCase()));
  const rest = parameters.filter(([name]) => !bad.has(name.toLowerCase()));
  return rest.length === parameters.length ? [] : rest;
}
