import { mkdir, stat, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { systemProgram } from '#test/cluster/programs.ts';
import { ourPrograms, repositoryRoot } from './programs.ts';

/**
 * The command line that starts the member agent.
 *
 * An agent that is root starts its hall server as the user of PostgreSQL, who must be able to read our files. Where that user may not pass,
 * as in a checkout below /root, the agent gets a mount namespace of its own, in which the checkout and Node stand in the member's folder.
 * The mounts are seen by nobody else and go with its last process.
 */
export async function memberProgram(directory: string): Promise<readonly [string, ...string[]]> {
  if (await areOurFilesOpen()) return [process.execPath, ourPrograms.member];
  const checkout = join(directory, 'checkout');
  const node = join(directory, 'node');
  await mkdir(checkout, { recursive: true });
  await writeFile(node, '');
  const script = 'mount --bind "$1" "$2" && mount --bind "$3" "$4" && shift 4 && exec "$@"';
  const mounts = [repositoryRoot, checkout, process.execPath, node];
  const main = join(checkout, relative(repositoryRoot, ourPrograms.member));
  return [systemProgram('unshare'), '--mount', systemProgram('sh'), '-c', script, 'sh', ...mounts, node, main];
}

/** Whether a hall server that this user's agent starts can read our files where they are. */
export async function areOurFilesOpen(): Promise<boolean> {
  return process.getuid?.() !== 0 || ((await mayOthersPass(repositoryRoot)) && (await mayOthersPass(process.execPath)));
}

const othersPass = 0o001;

async function mayOthersPass(path: string): Promise<boolean> {
  for (let folder = path; folder !== dirname(folder); folder = dirname(folder)) {
    if (((await stat(folder)).mode & othersPass) === 0) return false;
  }
  return true;
}
