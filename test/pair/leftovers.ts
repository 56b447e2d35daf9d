import { glob, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemProgram } from '../cluster/programs.ts';
import { runTool } from '../cluster/run-tool.ts';

const ownerFile = 'owner.pid';

/** Notes in a stand's folder which process answers for it. */
export async function noteOwner(folder: string): Promise<void> {
  await writeFile(join(folder, ownerFile), `${process.pid} ${startOf(process.pid) ?? ''}`);
  // PostgreSQL outlives its agent by intention, so the end of this process must end it, too.
  process.once('exit', () => endServers(folder));
}

/**
 * Ends PostgreSQL servers and removes folders of stands whose test process was killed. Everything else that a stand starts dies with
 * its process.
 */
export async function removeLeftovers(): Promise<void> {
  for await (const file of glob(`hallkeeper-pair-*/${ownerFile}`, { cwd: tmpdir() })) {
    const [pid = '', start] = (await readFile(join(tmpdir(), file), 'utf8')).split(' ');
    if (startOf(Number(pid)) === start) continue;
    const folder = join(tmpdir(), file, '..');
    for (const name of ['a', 'b']) await endServer(join(folder, name, 'db', 'data'));
    for (const name of ['a', 'b']) await runTool(systemProgram('umount'), ['--lazy', join(folder, name)]).catch(() => undefined);
    await rm(folder, { recursive: true, force: true });
  }
}

/** Kills the server of this data directory if the process of its pid file works in it: pids are given anew. */
async function endServer(data: string): Promise<void> {
  try {
    const pid = Number((await readFile(join(data, 'postmaster.pid'), 'utf8')).split('\n')[0]);
    if ((await readlink(`/proc/${pid}/cwd`)) === data) process.kill(pid, 'SIGKILL');
  } catch {
    // Nothing runs there any more.
  }
}

function endServers(folder: string): void {
  for (const name of ['a', 'b']) {
    try {
      process.kill(Number(readFileSync(join(folder, name, 'db', 'data', 'postmaster.pid'), 'utf8').split('\n')[0]), 'SIGKILL');
    } catch {
      // Nothing runs there any more.
    }
  }
}

/** When a process started, in ticks since the machine did; undefined when it is gone. Pid and start together name one process. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}
