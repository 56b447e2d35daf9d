import { eventually } from '../cluster/eventually.ts';
import type { PairStand } from './pair-stand.ts';
import { readWritten } from './writer.ts';
import type { Writer } from './writer.ts';

export type Name = 'a' | 'b';
export const other = (name: Name): Name => (name === 'a' ? 'b' : 'a');

/** Generous: the machine may be busy with other work. */
export const waits = { maxMs: 90_000, everyMs: 100 } as const;

/** Waits until the pair is synchronous under a primary that serves, and says which. */
export async function inStep(stand: PairStand): Promise<{ readonly leader: Name; readonly epoch: number }> {
  return await eventually(
    'the pair is in mode SYNC, one member serves and the other streams',
    async () => {
      const both = { a: await stand.status('a'), b: await stand.status('b') };
      const leader = (['a', 'b'] as const).find((name) => both[name].serving);
      if (leader === undefined || both[other(leader)].serving) return undefined;
      const { record, blockedBy } = both[leader];
      const standby = both[other(leader)];
      const good = record?.mode === 'sync' && record.primary === leader && blockedBy === undefined && standby.role === 'standby';
      return good && standby.step === 'streaming' ? { leader, epoch: record.epoch } : undefined;
    },
    waits,
  );
}

export async function takenOverBy(stand: PairStand, name: Name, epoch: number): Promise<void> {
  await eventually(
    `member ${name} serves in a later epoch`,
    async () => {
      const { serving, record } = await stand.status(name);
      return serving && (record?.epoch ?? 0) > epoch;
    },
    waits,
  );
}

export async function leadsAlone(stand: PairStand, name: Name): Promise<void> {
  await eventually(`member ${name} leads alone`, async () => (await stand.status(name)).record?.mode === 'solo', waits);
}

/** Clients are served: the writer is acknowledged several times after now. */
export async function acknowledgedAgain(writer: Writer): Promise<void> {
  const before = writer.acknowledged.length;
  const served = (): true => {
    if (writer.acknowledged.length > before + 5) return true;
    throw new Error(`the last error of the client was: ${writer.lastError}`);
  };
  await eventually('commits are acknowledged', served, waits);
}

/** Ids that were acknowledged to these writers and are not in the pair: none, ever. Stops the writers. */
export async function lostOf(stand: PairStand, ...writers: readonly Writer[]): Promise<readonly number[]> {
  const { leader } = await inStep(stand);
  for (const writer of writers) await writer.stop();
  const acknowledged = writers.flatMap((writer) => writer.acknowledged.map(({ id }) => id));
  const written = await readWritten(stand.members[leader].address, { port: stand.postgresPort, client: stand.client });
  return acknowledged.filter((id) => !written.has(id));
}
