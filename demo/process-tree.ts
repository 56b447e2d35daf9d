import { readFileSync, readdirSync } from 'node:fs';

interface ProcessFacts {
  readonly pid: number;
  readonly parent: number;
  readonly isZombie: boolean;
}

/** Processes below the given ones, themselves included when they live, parents before children. */
export function processTree(roots: readonly number[]): readonly number[] {
  const all = allProcesses();
  const found = roots.filter((root) => all.some(({ pid }) => pid === root));
  // The list grows while it is walked, by each process at most once.
  for (const pid of found) for (const each of all) if (each.parent === pid && !found.includes(each.pid)) found.push(each.pid);
  return found;
}

/** SIGKILL to each of them; those that ended meanwhile do not matter. */
export function killAll(pids: readonly number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // Gone already.
    }
  }
}

function allProcesses(): readonly ProcessFacts[] {
  const pids = readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name));
  return pids.flatMap((pid) => factsOf(Number(pid)) ?? []).filter(({ isZombie }) => !isZombie);
}

/** The name of a process may hold anything, also brackets; what follows it does not. */
function factsOf(pid: number): ProcessFacts | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const [state = '', parent = '0'] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { pid, parent: Number(parent), isZombie: state === 'Z' || state === 'X' };
  } catch {
    return undefined;
  }
}
