import { readFileSync, readdirSync } from 'node:fs';
import { eventually } from './eventually.ts';

/** Processes whose command line contains the text, zombies left out. For proofs that nothing stays behind. */
export function processesWith(text: string): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^[0-9]+$/.test(name))
    .map(Number)
    .filter((pid) => pid !== process.pid && commandLineOf(pid).includes(text));
}

/** The children of a process, with their command lines: those of PostgreSQL say in them what they do. */
export function childrenOf(pid: number): readonly { readonly pid: number; readonly command: string }[] {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
    return children.map((child) => ({ pid: child, command: commandLineOf(child) }));
  } catch {
    return [];
  }
}

/** Stops a process as a machine that hangs would, and waits until each of its threads stands: one may be in the middle of an answer. */
export async function stopProcess(pid: number): Promise<void> {
  process.kill(pid, 'SIGSTOP');
  const stands = (): boolean =>
    readdirSync(`/proc/${pid}/task`).every((task) => /^\d+ \(.*\) [Tt]/.test(readFileSync(`/proc/${pid}/task/${task}/stat`, 'utf8')));
  await eventually(`process ${pid} stands still`, stands, { maxMs: 30_000, everyMs: 5 });
}

/** Empty for zombies and for processes that have ended. */
function commandLineOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}
