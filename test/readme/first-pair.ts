import { execFile } from 'node:child_process';
import { access, appendFile, chown, copyFile, mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { dump } from 'js-yaml';
import { fitManifests, manifestsFolder, readManifests } from '#demo/manifests.ts';
import { memberNames } from '#demo/names.ts';
import { areOurFilesOpen } from '#demo/member-program.ts';
import type { MemberName } from '#demo/names.ts';
import { choosePlaces } from '#demo/places.ts';
import type { Places } from '#demo/places.ts';
import { startBind } from '../cluster/bind.ts';
import type { Bind } from '../cluster/bind.ts';
import { startChild } from '../cluster/child.ts';
import type { Child } from '../cluster/child.ts';
import { startControlPlane } from '../cluster/control-plane.ts';
import { eventually } from '../cluster/eventually.ts';
import { startNetwork } from '../cluster/network.ts';
import type { Network } from '../cluster/network.ts';
import { postmasterOf } from '../cluster/postmaster.ts';
import { postgresUser } from '../cluster/postgres-user.ts';
import { controlPlaneProgram, systemProgram } from '../cluster/programs.ts';
import { temporaryFolder } from '../cluster/temporary.ts';

const root = join(import.meta.dirname, '..', '..');
const blockMaxMs = 400_000;
const outputMaxBytes = 1024 * 1024;
const endMaxMs = 30_000;

/** What the README's reader has: a cluster, a DNS server, a checkout with his own addresses in demo/manifests, and two servers. */
export interface FirstPair extends AsyncDisposable {
  readonly bind: Bind;
  readonly places: Places;
  /** Runs a block of commands to its end in the checkout, as administrator. @returns what it printed. */
  administer(commands: string): Promise<string>;
  /** Starts a command that stays, in the checkout. */
  stay(command: string): Promise<void>;
  /** Writes a file of a server that bears the README's own text, fitted to this machine. */
  writeOn(member: MemberName, file: string, text: string): Promise<void>;
  runOn(member: MemberName, commands: string): Promise<void>;
  stayOn(member: MemberName, command: string): Promise<void>;
  /** Ends what stays on a server. */
  stopOn(member: MemberName): Promise<void>;
  /** Resolves when PostgreSQL has ended on both servers. */
  postgresEnded(): Promise<void>;
}

interface Servers {
  readonly network: Network;
  readonly folder: string;
  readonly stack: AsyncDisposableStack;
  readonly env: Readonly<Record<string, string>>;
  /** Whether the user of PostgreSQL can read this checkout and this Node where they are. */
  readonly areOpen: boolean;
}

export async function openFirstPair(): Promise<FirstPair> {
  const stack = new AsyncDisposableStack();
  try {
    const folder = stack.use(await temporaryFolder('readme'));
    const network = stack.use(await startNetwork());
    const controlPlane = stack.use(await startControlPlane({ network, controllerManager: true }));
    const manifests = await readManifests();
    const { zone = '', tsigKeyName = '' } = manifests.pair.spec.dns ?? {};
    const bind = stack.use(await startBind({ network, zone, keyNames: [tsigKeyName] }));
    const places = await choosePlaces(network);
    const programs = [dirname(process.execPath), dirname(controlPlaneProgram('kubectl'))];
    const env = {
      KUBECONFIG: await controlPlane.kubeconfigFile(),
      TSIG_SECRET: bind.key.secret,
      PATH: [...programs, process.env['PATH'] ?? ''].join(delimiter),
    };
    const servers: Servers = { network, folder: folder.path, stack, env, areOpen: await areOurFilesOpen() };
    const checkout = join(folder.path, 'checkout');
    await layCheckout(checkout);
    const fitted = fitManifests(manifests, places, { address: bind.address, port: bind.port }).pair;
    await writeFile(join(checkout, 'demo', 'manifests', 'pair.yaml'), dump(fitted));
    for (const name of memberNames) await layServer(servers, name);
    const owned = stack.move();
    const agents = new Map<MemberName, Child>();
    return {
      bind,
      places,
      administer: (commands) => runBlock(servers, checkout, [], commands),
      stay: async (command) => {
        const [, name = ''] = /--config (\S+)$/.exec(command) ?? [];
        // On 127.0.0.1 the usual port may be taken.
        if (name === 'operator.yaml' && !network.isolated) await appendFile(join(checkout, name), 'http: { port: 0 }\n');
        await stay({ ...servers, stack: owned }, { name, cwd: checkout, inside: [] }, command);
      },
      // Both servers are this machine here, so the port of their metrics must not be the same.
      writeOn: (member, file, text) =>
        writeFile(join(homeOf(servers, member), 'checkout', file), `${fit(servers, member, text)}\nmetrics: { port: 0 }\n`),
      runOn: async (member, commands) => {
        const home = homeOf(servers, member);
        await copyFile(join(checkout, `bundle-${member}.json`), join(home, 'etc', 'bundle.json')).catch(() => undefined);
        await runBlock(servers, join(home, 'checkout'), insideServer(home, servers.areOpen), fit(servers, member, commands));
      },
      stayOn: async (member, command) => {
        const home = homeOf(servers, member);
        const place = { name: `member-${member}`, cwd: join(home, 'checkout'), inside: insideServer(home, servers.areOpen) };
        agents.set(member, await stay({ ...servers, stack: owned }, place, command));
      },
      stopOn: async (member) => agents.get(member)?.stop(),
      postgresEnded: async () => {
        for (const member of memberNames) {
          const file = join(dataDirectory(homeOf(servers, member)), 'postmaster.pid');
          await eventually(`PostgreSQL of ${member} has ended`, async () => !(await exists(file)), { maxMs: endMaxMs });
        }
      },
      [Symbol.asyncDispose]: () => owned.disposeAsync(),
    };
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}

/** A checkout that a person may edit: the manifests are a copy, everything else leads to what is being tested. */
async function layCheckout(folder: string, source = root): Promise<void> {
  await mkdir(join(folder, 'demo', 'manifests'), { recursive: true });
  for (const name of await readdir(root)) {
    if (name !== 'demo' && name !== '.git') await symlink(join(source, name), join(folder, name));
  }
  for (const name of await readdir(manifestsFolder))
    await copyFile(new URL(name, manifestsFolder), join(folder, 'demo', 'manifests', name));
}

const homeOf = ({ folder }: Pick<Servers, 'folder'>, member: MemberName): string => join(folder, `server-${member}`);

/** A server of the hall: folders that stand for /etc/hallkeeper and /var/lib/hallkeeper of a machine of its own. */
async function layServer(servers: Servers, member: MemberName): Promise<void> {
  const home = homeOf(servers, member);
  await mkdir(join(home, 'etc'), { recursive: true });
  await mkdir(join(home, 'var'), { recursive: true });
  await mkdir(join(home, 'source'));
  await mkdir(join(home, 'bin'));
  await writeFile(join(home, 'bin', 'node'), '');
  await layCheckout(join(home, 'checkout'), servers.areOpen ? root : join(home, 'source'));
  const { uid, gid } = postgresUser();
  if (isRoot()) await chown(join(home, 'var'), uid, gid);
  // PostgreSQL outlives its agent by design, so it is ended apart, after the agent.
  servers.stack.defer(() => endPostgres(home));
}

const isRoot = (): boolean => process.getuid?.() === 0;

/**
 * What is put before a command line to run it on a server. The agent of root starts its hall server as the user of PostgreSQL. Where that
 * user has no way into this checkout or to this Node, as below /root, both stand on the server where everybody may pass, by mounts that
 * go with the last process that sees them.
 */
function insideServer(home: string, areOpen: boolean): readonly string[] {
  if (areOpen) return [];
  const script = 'mount --bind "$1" "$2" && mount --bind "$3" "$4" && PATH="$5:$PATH" && export PATH && shift 5 && exec "$@"';
  const mounts = [root, join(home, 'source'), process.execPath, join(home, 'bin', 'node')];
  return [systemProgram('unshare'), '--mount', systemProgram('sh'), '-c', script, 'sh', ...mounts, join(home, 'bin')];
}

/** The README's text for this machine: folders of its own instead of the system's, and the account that PostgreSQL has here. */
function fit(servers: Servers, member: MemberName, text: string): string {
  const home = homeOf(servers, member);
  const owner = isRoot() ? `--owner=${postgresUser().name}` : '';
  return text
    .replaceAll('/etc/hallkeeper', join(home, 'etc'))
    .replaceAll('/var/lib/hallkeeper', join(home, 'var'))
    .replaceAll('--owner=postgres', owner);
}

async function runBlock({ network, env }: Servers, cwd: string, inside: readonly string[], commands: string): Promise<string> {
  const [program, ...args] = [...network.enter, ...inside, 'bash', '-euo', 'pipefail', '-c', commands];
  return new Promise((resolve, reject) => {
    const options = { cwd, env: { ...process.env, ...env }, timeout: blockMaxMs, maxBuffer: outputMaxBytes };
    execFile(program, args, options, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${commands}\n\nfailed:\n${stdout}${stderr}`, { cause: error }));
    });
  });
}

interface Place {
  /** Of its log file. */
  readonly name: string;
  readonly cwd: string;
  readonly inside: readonly string[];
}

async function stay({ network, env, folder, stack }: Servers, { name, cwd, inside }: Place, command: string): Promise<Child> {
  const [program, ...args] = [...inside, systemProgram('bash'), '-euo', 'pipefail', '-c', `exec ${command}`];
  return stack.use(await startChild({ name, command: program, args, directory: folder, workingFolder: cwd, env, network }));
}

const dataDirectory = (home: string): string => join(home, 'var', 'postgresql', 'data');

const exists = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );

async function endPostgres(home: string): Promise<void> {
  const pid = postmasterOf(dataDirectory(home));
  if (pid === undefined) return;
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    return;
  }
  await eventually('PostgreSQL has ended', () => postmasterOf(dataDirectory(home)) === undefined, { maxMs: endMaxMs });
}
