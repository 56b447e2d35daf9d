import type { Clock } from './clock.ts';
import { exitCodes, parseCommand, wrongUsage, messagePrefix } from './command.ts';
import type { CommandLine, CommandSpec } from './command.ts';
import { codeOf, messageOf } from './errors.ts';
import { SettingsRefused } from './fields.ts';
import type { Logger } from './log.ts';
import type { Random } from './random.ts';
import { systemClock } from './system-clock.ts';
import { logLevels, systemLog } from './system-log.ts';
import type { LogLevel } from './system-log.ts';
import { systemRandom } from './system-random.ts';

/**
 * Runs a command of ours and sets the exit code. Help and version go to standard output; wrong usage, also when `run` throws HK_USAGE,
 * and what failed go to standard error.
 */
export async function runCommand<Name extends string>(
  spec: CommandSpec<Name>,
  run: (line: CommandLine<Name>) => Promise<number | void>,
  args: readonly string[] = process.argv.slice(2),
): Promise<void> {
  const parsed = parseCommand(spec, args);
  process.exitCode = parsed.do === 'print' ? say(parsed) : await outcomeOf(spec.name, () => run(parsed.line));
}

async function outcomeOf(name: string, run: () => Promise<number | void>): Promise<number> {
  try {
    return (await run()) ?? exitCodes.ok;
  } catch (error) {
    if (codeOf(error) === 'HK_USAGE') return say(wrongUsage(name, messageOf(error)));
    process.stderr.write(`${messagePrefix(name)}: ${messageOf(error)}\n`);
    return exitCodes.failed;
  }
}

function say({ text, exitCode }: { readonly text: string; readonly exitCode: number }): number {
  (exitCode === exitCodes.ok ? process.stdout : process.stderr).write(text);
  return exitCode;
}

/** A program that runs until it is told to stop. */
export interface ProgramSpec<Loaded> {
  readonly name: string;
  readonly summary: string;
  /** What `--config` names: `settings file in YAML`. */
  readonly config: string;
  readonly logLevel?: LogLevel;
  /** Reads the settings and every file that they name; `--check-config` does no more. @throws saying everything that is wrong. */
  readonly load: (file: string) => Promise<Loaded>;
  /** Its children live on, and Node would wait for them: the process ends with `run`. */
  readonly leavesChildren?: boolean;
}

/** What a program gets from its machine. */
export interface ProgramPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Aborted by SIGTERM, SIGINT and `stop`. A second signal ends the process at once. */
  readonly signal: AbortSignal;
  readonly stop: () => void;
  /** Says what SIGHUP renews; without that it changes nothing. `renew` handles its own errors. */
  readonly onHangup: (renew: () => Promise<void>) => void;
}

/** The frame of every program: command line, settings, signals, exit codes. An error of `run` is logged, and the exit code is 1. */
export async function runProgram<Loaded>(
  spec: ProgramSpec<Loaded>,
  run: (loaded: Loaded, ports: ProgramPorts) => Promise<number | void>,
): Promise<void> {
  const { name, summary, config } = spec;
  const options = {
    config: { help: config, value: 'FILE', required: true },
    'check-config': { help: 'read the settings and the files they name, say everything that is wrong, and leave' },
    json: { help: 'with --check-config: say it as JSON' },
    'log-level': { help: `one of ${logLevels.join(', ')}`, value: 'LEVEL', oneOf: logLevels, fallback: spec.logLevel ?? 'info' },
  } as const;
  await runCommand({ name, summary, options }, async (line) => {
    const file = line.text('config') ?? '';
    const asJson = line.has('json');
    if (line.has('check-config')) return checkConfig(spec, file, asJson);
    if (asJson) return say(wrongUsage(name, '--json needs --check-config'));
    const log = systemLog(name, logLevels.find((level) => level === line.text('log-level')) ?? 'info');
    const stop = new AbortController();
    const onHangup = listenForHangup(log);
    const loaded = await spec.load(file);
    listenForStop(stop);
    const ports = { clock: systemClock, random: systemRandom, log, signal: stop.signal, stop: () => stop.abort(), onHangup };
    const exitCode = await run(loaded, ports).catch((error: unknown) => {
      log.error({ why: messageOf(error) }, 'stopped with errors');
      return exitCodes.failed;
    });
    if (spec.leavesChildren === true) process.exit(exitCode ?? exitCodes.ok);
    return exitCode;
  });
}

async function checkConfig<Loaded>({ load }: ProgramSpec<Loaded>, file: string, asJson: boolean): Promise<number> {
  if (!asJson) {
    await load(file);
    process.stdout.write('the settings are good\n');
    return exitCodes.ok;
  }
  const problems = await load(file).then(
    () => [],
    (error: unknown) => (error instanceof SettingsRefused ? error.problems : [messageOf(error)]),
  );
  const ok = problems.length === 0;
  process.stdout.write(`${JSON.stringify(ok ? { ok, file } : { ok, file, problems })}\n`);
  return ok ? exitCodes.ok : exitCodes.failed;
}

/** The first signal stops in order, the second at once: whoever asks twice does not want to wait. */
function listenForStop(stop: AbortController): void {
  let asked = false;
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    process.on(name, () => {
      if (asked) process.exit(exitCodes.failed);
      asked = true;
      stop.abort();
    });
  }
}

/** A closed terminal sends SIGHUP too, and no program of ours ends by that. */
function listenForHangup(log: Logger): ProgramPorts['onHangup'] {
  let renew: (() => Promise<void>) | undefined;
  process.on('SIGHUP', () => {
    if (renew === undefined) log.info({}, 'SIGHUP changes nothing: there is nothing to read again');
    else void renew();
  });
  return (given) => {
    renew = given;
  };
}
