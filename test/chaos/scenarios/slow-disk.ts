import { newClient, commit } from '../../pair/writer.ts';
import { firstIds } from '../first-ids.ts';
import type { Scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';

/**
 * An fsync takes up to half a second. The disk is open for long enough that a server on a busy machine does not miss it: two pauses in a
 * row would be a disk that hangs, for which the primary is rightly deposed.
 */
const pace = { pauseMs: 450, openMs: 100 } as const;
const observedMs = 4_000;
const attemptMaxMs = 30_000;
const commits = 20;
/** Never the same twice. */
let nextId: number = firstIds.patient;

/** Clients with patience are served, however slowly. */
async function commitsPatiently(stage: Stage): Promise<void> {
  const { primary, stand } = stage;
  const client = newClient(primary.member.address, { port: stand.postgresPort, client: stand.client }, attemptMaxMs);
  try {
    await client.connect();
    let longestMs = 0;
    for (let count = 0; count < commits; count += 1) {
      const beginMs = performance.now();
      await commit(client, (nextId += 1));
      longestMs = Math.max(longestMs, performance.now() - beginMs);
    }
    stage.notes.push(`a commit took up to ${Math.round(longestMs)} ms`);
  } finally {
    await client.end();
  }
}

function slowDisk(who: 'primary' | 'standby', about: string): Scenario {
  return {
    name: `slow-${who}-disk`,
    group: 'storage',
    about,
    changes: 0,
    act: async (stage) => {
      await stage.slow(stage[who], pace);
      await stage.keepsLeader(observedMs);
      await commitsPatiently(stage);
      stage.notes.push(`the record says ${(await stage.status(stage.primary)).record?.mode ?? '?'}`);
      await stage.keepsLeader(observedMs);
    },
  };
}

export const slowPrimaryDisk = slowDisk(
  'primary',
  "An fsync of the primary's disk takes half a second: slow is not dead, and nobody takes over.",
);
export const slowStandbyDisk = slowDisk('standby', "An fsync of the standby's disk takes half a second: the primary keeps the lead.");
