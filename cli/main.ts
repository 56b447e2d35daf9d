import { createInterface } from 'node:readline/promises';
import { commandErrors, versionText, wrongUsage } from '#lib/base/command.ts';
import type { CommandLine } from '#lib/base/command.ts';
import { codeOf, messageOf } from '#lib/base/errors.ts';
import { silentLog } from '#lib/base/log.ts';
import { systemClock } from '#lib/base/system-clock.ts';
import { runCommand } from '#lib/base/system-program.ts';
import { systemRandom } from '#lib/base/system-random.ts';
import { productVersion } from '#lib/base/version.ts';
import { KubeClient } from '#lib/kube/client.ts';
import { loadKubeConfigFile } from '#lib/kube/credentials.ts';
import { adoptCommand } from './adopt-command.ts';
import { endpointOf, kubeconfigFile, namespaceOf } from './cluster.ts';
import type { CommandPorts, PairCommand } from './command-frame.ts';
import { enrolCommand } from './enrol-command.ts';
import { hallctlExits } from './exit-codes.ts';
import { explainCommand, statusCommand } from './look-commands.ts';
import { drillCommand, pauseCommand, reinitializeCommand, resumeCommand, switchoverCommand } from './operation-commands.ts';

const usage = `Asks and tells a cluster with halls.

usage: hallctl COMMAND [options]

  pair status PAIR                   what the pair is and does, with --watch until Ctrl-C
  pair explain PAIR                  what it would do if its primary died now, and why
  pair switchover PAIR               make the other member the primary, planned
  pair drill PAIR --kind KIND        prove the failover: switchover or kill-primary
  pair pause PAIR                    let nobody take over, until a resume
  pair resume PAIR                   let the standby take over again
  pair reinitialize PAIR MEMBER      delete a standby's database and copy it anew
  pair adopt PAIR --primary MEMBER   write a lost record anew
  pair enrol PAIR MEMBER             make the one-time bundle of a member
  --version                          print the version
  --help                             print this text, or with a command what it does

exit codes: 0 done, 1 failed, 2 wrong usage, 3 refused, 4 expired, 5 goes on without us, 6 nobody serves clients,
            7 not known, because the operator is not there; each command tells its own with --help
`;

type Option = 'namespace' | 'kubeconfig' | 'json';

/** Runs a command against the cluster of the kubeconfig, with the caller's own rights. */
async function run<Name extends string>(command: PairCommand<Name | Option>, args: readonly string[]): Promise<void> {
  await runCommand(
    command.spec,
    async (line) => {
      try {
        return await inCluster(line, (ports) => command.run(line, ports));
      } catch (error) {
        const code = codeOf(error);
        if (code === commandErrors.HK_USAGE().code) throw error;
        if (line.has('json')) process.stdout.write(`${JSON.stringify({ ok: false, problems: [messageOf(error)] })}\n`);
        else process.stderr.write(`${command.spec.name}: ${messageOf(error)}\n`);
        return refusals.has(code ?? '') ? hallctlExits.refused : hallctlExits.failed;
      }
    },
    args,
  );
}

const refusals: ReadonlySet<string> = new Set(['HK_ADOPTION_REFUSED', 'HK_OPERATION_IMPOSSIBLE']);

async function inCluster(line: CommandLine<Option>, use: (ports: CommandPorts) => Promise<number>): Promise<number> {
  const config = await loadKubeConfigFile(kubeconfigFile(line.text('kubeconfig'), process.env['KUBECONFIG']));
  const ports = { clock: systemClock, random: systemRandom, log: silentLog, userAgent: `hallctl/${productVersion}` };
  const client = KubeClient.fromKubeConfig(config, ports);
  const stop = new AbortController();
  // The first Ctrl-C ends in order; a second one is not waited for.
  const onSignal = (): void => {
    if (stop.signal.aborted) process.exit(hallctlExits.failed);
    stop.abort(new Error('stopped'));
  };
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, onSignal);
  try {
    return await use({
      client,
      namespace: namespaceOf(config, line.text('namespace')),
      endpoint: () => endpointOf(config),
      clock: systemClock,
      random: systemRandom,
      print: (text) => void process.stdout.write(text),
      progress: (text) => void process.stderr.write(`${text}\n`),
      onScreen: process.stdout.isTTY,
      ask,
      signal: stop.signal,
    });
  } finally {
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.off(name, onSignal);
    await client.close();
  }
}

/** Asks the person at the terminal; undefined when there is none. */
async function ask(question: string): Promise<string | undefined> {
  if (!process.stdin.isTTY) return undefined;
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await lines.question(question);
  } finally {
    lines.close();
  }
}

const commands: Readonly<Record<string, (args: readonly string[]) => Promise<void>>> = {
  status: (args) => run(statusCommand, args),
  explain: (args) => run(explainCommand, args),
  switchover: (args) => run(switchoverCommand, args),
  drill: (args) => run(drillCommand, args),
  pause: (args) => run(pauseCommand, args),
  resume: (args) => run(resumeCommand, args),
  reinitialize: (args) => run(reinitializeCommand, args),
  adopt: (args) => run(adoptCommand, args),
  enrol: (args) => run(enrolCommand, args),
};

async function main(args: readonly string[]): Promise<void> {
  const [noun, verb = ''] = args;
  const command = noun === 'pair' && Object.hasOwn(commands, verb) ? commands[verb] : undefined;
  if (command !== undefined) return command(args.slice(2));
  const asked = noun === 'pair' ? verb : noun;
  if (asked === '--help' || asked === '-h') process.stdout.write(usage);
  else if (asked === '--version') process.stdout.write(versionText('hallctl'));
  else {
    const { text, exitCode } = wrongUsage('hallctl', `there is no command "${[noun, verb].filter(Boolean).join(' ')}"`);
    process.stderr.write(text);
    process.exitCode = exitCode;
  }
}

await main(process.argv.slice(2));
