import { randomUUID } from 'node:crypto';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { KubeConfig } from '@kubernetes/client-node';
import { commandErrors, exitCodes, versionText, wrongUsage } from '#lib/base/command.ts';
import type { CommandLine } from '#lib/base/command.ts';
import { codeOf, messageOf } from '#lib/base/errors.ts';
import { silentLog } from '#lib/base/log.ts';
import { systemClock } from '#lib/base/system-clock.ts';
import { runCommand } from '#lib/base/system-program.ts';
import { systemRandom } from '#lib/base/system-random.ts';
import { productVersion } from '#lib/base/version.ts';
import { KubeClient } from '#lib/kube/client.ts';
import { loadKubeConfigFile } from '#lib/kube/credentials.ts';
import { enrolMember } from './enrol.ts';
import type { Enrolled } from './enrol.ts';
import { reportOf } from './enrol-report.ts';

const enrol = {
  name: 'hallctl pair enrol',
  summary:
    'Makes the one-time bundle with which the agent of a member finds its settings. It holds a token that lives an hour: bring it to\n' +
    'that member only, and name its file as "bundle" in the settings of the agent.',
  positionals: ['PAIR', 'MEMBER'],
  options: {
    namespace: { help: "namespace of the pair; absent: the kubeconfig's", value: 'NAMESPACE', short: 'n' },
    kubeconfig: { help: 'kubeconfig file; absent: $KUBECONFIG, or ~/.kube/config', value: 'FILE' },
    out: { help: 'write the bundle to this file, readable by you only; absent: print it', value: 'FILE' },
    json: { help: 'say what was done, or why it was not, as JSON; a bundle that is printed always is' },
  },
} as const;

const usage = `Asks and tells a cluster with halls.

usage: hallctl COMMAND [options]

  pair enrol PAIR MEMBER  make the one-time bundle of a member
  --version               print the version
  --help                  print this text, or with a command what it does

exit codes: 0 done, 1 failed, 2 wrong usage
`;

function kubeconfigFile(named: string | undefined): string {
  if (named !== undefined) return named;
  const [file, ...more] = (process.env['KUBECONFIG'] ?? '').split(delimiter).filter((path) => path !== '');
  if (more.length > 0) throw commandErrors.HK_USAGE('$KUBECONFIG names several files: choose one with --kubeconfig');
  return file ?? join(homedir(), '.kube', 'config');
}

/** PEM of the API server's authority, which the agent will verify it by. */
async function authorityOf(config: KubeConfig): Promise<string> {
  const cluster = config.getCurrentCluster();
  if (cluster?.caData) return Buffer.from(cluster.caData, 'base64').toString('utf8');
  if (cluster?.caFile) return readFile(cluster.caFile, 'utf8');
  throw new Error(
    'the kubeconfig names no certificate authority of the API server, and the agent needs it: add certificate-authority-data',
  );
}

/** The file appears whole or not at all. What stands beside it under a name that can be guessed is neither followed nor reused. */
async function writePrivately(file: string, text: string): Promise<void> {
  const part = `${file}.${randomUUID()}.part`;
  try {
    await writeFile(part, text, { mode: 0o600, flag: 'wx' });
    await rename(part, file);
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
}

async function askCluster(line: CommandLine<keyof typeof enrol.options>): Promise<Enrolled> {
  const config = await loadKubeConfigFile(kubeconfigFile(line.text('kubeconfig')));
  const ports = { clock: systemClock, random: systemRandom, log: silentLog, userAgent: `hallctl/${productVersion}` };
  const client = KubeClient.fromKubeConfig(config, ports);
  try {
    const [pair = '', member = ''] = line.positionals;
    const wish = {
      pair,
      member,
      namespace: line.text('namespace') ?? config.getContextObject(config.getCurrentContext())?.namespace ?? 'default',
      server: config.getCurrentCluster()?.server ?? '',
      authority: await authorityOf(config),
    };
    return await enrolMember(wish, client, new AbortController().signal);
  } finally {
    await client.close();
  }
}

async function runEnrol(line: CommandLine<keyof typeof enrol.options>): Promise<number> {
  const out = line.text('out');
  try {
    const enrolled = await askCluster(line);
    if (out === undefined) process.stdout.write(`${enrolled.bundle}\n`);
    else {
      await writePrivately(out, `${enrolled.bundle}\n`);
      process.stdout.write(reportOf({ ...enrolled, out }, line.has('json')));
    }
    return exitCodes.ok;
  } catch (error) {
    if (!line.has('json') || codeOf(error) === commandErrors.HK_USAGE().code) throw error;
    process.stdout.write(`${JSON.stringify({ ok: false, problems: [messageOf(error)] })}\n`);
    return exitCodes.failed;
  }
}

async function main(args: readonly string[]): Promise<void> {
  const [noun, verb] = args;
  if (noun === 'pair' && verb === 'enrol') return runCommand(enrol, runEnrol, args.slice(2));
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
