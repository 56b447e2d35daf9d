import { readFile } from 'node:fs/promises';
import type { StandMember } from '../pair/stand-member.ts';

/** Processes of a server, by the words in their titles. */
export type ServerProcess = 'walsender' | 'walreceiver' | 'startup' | 'checkpointer';

/** The process of a member's server that does this, as its postmaster's children call themselves; undefined while there is none. */
export async function serverProcess(member: StandMember, does: ServerProcess): Promise<number | undefined> {
  const postmaster = await member.postmaster();
  if (postmaster === undefined) return undefined;
  const children = await readFile(`/proc/${postmaster}/task/${postmaster}/children`, 'utf8').catch(() => '');
  for (const pid of children.split(' ').filter(Boolean).map(Number)) {
    const title = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (title.startsWith(`postgres: ${does}`)) return pid;
  }
  return undefined;
}
