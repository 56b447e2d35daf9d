import { chmod, readFile, rename, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { KubeConfig } from '@kubernetes/client-node';
import { commandErrors, exitCodes, parseCommand } from '#lib/base/command.ts';
import { messageOf } from '#lib/base/errors.ts';
import { silentLog } from '#lib/base/log.ts';
import { systemClock } from '#lib/base/system-clock.ts';
import { systemRandom } from '#lib/base/system-random.ts';
import { KubeClient } from '#lib/kube/client.ts';
import { loadKubeConfigFile } from '#lib/kube/credentials.ts';
import { enrolMember } from './enrol.ts';
import { reportOf } from './enrol-report.ts';

const command = {
  name: 'hallctl pair enrol',
  summary:
    'Makes the one-time bundle with which the agent of a member finds its settings. It holds a token that lives an hour: bring it to\n' +
    'that member only, and name its file as "bundle" in the settings of the agent.',
  positionals: ['PAIR', 'MEMBER'],
  options: {
    namespace: { help: "namespace of the pair; absent: the kubeconfig's", value: 'NAMESPACE' },
    kubeconfig: { help: 'kubeconfig file; absent: $KUBECONFIG, or ~/.kube/config', value: 'FILE' },
    out: { help: 'write the bundle to this file, readable by you only; absent: print it', value: 'FILE' },
    json: { help: 'print what was done as JSON; needs --out' },
  },
} as const;

const usage = `hallctl: there is one command so far\n\n  hallctl pair enrol PAIR MEMBER [options]\n\nSee 'hallctl pair enrol --help'.\n`;

/** `-n` is what kubectl's users type. */
const spelledOut = (args: readonly string[]): readonly string[] => args.map((arg) => (arg === '-n' ? '--namespace' : arg));

function kubeconfigFile(named: string | undefined): string {
  const fromEnvironment = process.env['KUBECONFIG'];
  if (fromEnvironment?.includes(':') === true && named === undefined) {
    throw commandErrors.HK_USAGE('$KUBECONFIG names several files: choose one with --kubeconfig');
  }
  return named ?? (fromEnvironment === undefined || fromEnvironment === '' ? join(homedir(), '.kube', 'config') : fromEnvironment);
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

async function writePrivately(file: string, text: string): Promise<void> {
  const part = `${file}.part`;
  await writeFile(part, text, { mode: 0o600 });
  await chmod(part, 0o600);
  await rename(part, file);
}

async function main(): Promise<number> {
  const args = process.argv.slice(2);
  if (args[0] !== 'pair' || args[1] !== 'enrol') {
    const asked = args[0] === '--help' || args[0] === '-h';
    (asked ? process.stdout : process.stderr).write(usage);
    return asked ? exitCodes.ok : exitCodes.usage;
  }
  const parsed = parseCommand(command, spelledOut(args.slice(2)));
  if (parsed.do === 'print') {
    (parsed.exitCode === exitCodes.ok ? process.stdout : process.stderr).write(parsed.text);
    return parsed.exitCode;
  }
  const { line } = parsed;
  const out = line.text('out');
  if (line.has('json') && out === undefined) {
    process.stderr.write(`${command.name}: --json needs --out FILE: a bundle is no report\n`);
    return exitCodes.usage;
  }
  let client: KubeClient | undefined;
  try {
    const config = await loadKubeConfigFile(kubeconfigFile(line.text('kubeconfig')));
    const ports = { clock: systemClock, random: systemRandom, log: silentLog, userAgent: 'hallctl/0.1.0' };
    client = KubeClient.fromKubeConfig(config, ports);
    const [pair = '', member = ''] = line.positionals;
    const enrolled = await enrolMember(
      {
        pair,
        member,
        namespace: line.text('namespace') ?? config.getContextObject(config.getCurrentContext())?.namespace ?? 'default',
        server: config.getCurrentCluster()?.server ?? '',
        authority: await authorityOf(config),
      },
      client,
      new AbortController().signal,
    );
    if (out === undefined) process.stdout.write(`${enrolled.bundle}\n`);
    else await writePrivately(out, `${enrolled.bundle}\n`);
    if (out !== undefined) process.stdout.write(reportOf({ ...enrolled, out }, line.has('json')));
    return exitCodes.ok;
  } catch (error) {
    process.stderr.write(`${command.name}: ${messageOf(error)}\n`);
    return exitCodes.failed;
  } finally {
    await client?.close();
  }
}

process.exitCode = await main();
