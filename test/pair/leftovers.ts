import { glob, readFile, rm, writeFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { postmasterOf } from '../cluster/postmaster.ts';
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
    endServers(folder);
    for (const name of ['a', 'b']) await runTool(systemProgram('umount'), ['--lazy', join(folder, name)]).catch(() => undefined);
    await rm(folder, { recursive: true, force: true });
  }
}

function endServers(folder: string): void {
  for (const name of ['a', 'b']) {
    const postmaster = postmasterOf(join(folder, name, 'db', 'data'));
    if (postmaster === undefined) continue;
    try {
      process.kill(postmaster, 'SIGKILL');
    } catch {
      // It ended by itself meanwhile.
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
