import { mkdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually } from '../cluster/eventually.ts';

/** Processes that share a bounded amount of memory: the kernel kills one of them when it is used up. */
export interface MemoryLimit extends AsyncDisposable {
  /** Puts a process under the limit; what it starts from then on is under it, too. */
  add(pid: number): Promise<void>;
  /** How many the kernel has killed so far. */
  killed(): Promise<number>;
}

const emptyMaxMs = 20_000;

/** Files of the two versions of control groups that say the same. */
const versions = [
  { root: '/sys/fs/cgroup/memory', controller: 'memory', limit: 'memory.limit_in_bytes', events: 'memory.oom_control' },
  { root: '/sys/fs/cgroup', controller: '', limit: 'memory.max', events: 'memory.events' },
] as const;

/**
 * Makes a control group of our own below the one that this process is in, so that no limit of the machine is left by it.
 *
 * @throws Error where the machine lets us make none.
 */
export async function limitMemory(bytes: number): Promise<MemoryLimit> {
  const own = (await readFile('/proc/self/cgroup', 'utf8')).split('\n').map((line) => line.split(':'));
  const problems: string[] = [];
  for (const { root, controller, limit, events } of versions) {
    const path = own.find(([, controllers]) => controllers?.split(',').includes(controller))?.[2];
    if (path === undefined) continue;
    const folder = join(root, path, `hallkeeper-chaos-${process.pid}`);
    try {
      await mkdir(folder);
      await writeFile(join(folder, limit), String(bytes));
      return groupAt(folder, events);
    } catch (error) {
      problems.push(error instanceof Error ? error.message : String(error));
      await rmdir(folder).catch(() => undefined);
    }
  }
  throw new Error(`this machine lets us bound no memory: ${problems.join('; ') || 'it has no control groups'}`);
}

function groupAt(folder: string, events: string): MemoryLimit {
  return {
    add: async (pid) => await writeFile(join(folder, 'cgroup.procs'), String(pid)),
    killed: async () => Number(/^oom_kill (\d+)$/m.exec(await readFile(join(folder, events), 'utf8'))?.[1] ?? 0),
    [Symbol.asyncDispose]: async () => {
      // Whoever is still in it goes back to where we are.
      const parent = join(folder, '..', 'cgroup.procs');
      await eventually(
        'the control group is empty and gone',
        async () => {
          for (const pid of (await readFile(join(folder, 'cgroup.procs'), 'utf8')).split('\n').filter(Boolean))
            await writeFile(parent, pid).catch(() => undefined);
          await rmdir(folder);
          return true;
        },
        { maxMs: emptyMaxMs },
      );
    },
  };
}
