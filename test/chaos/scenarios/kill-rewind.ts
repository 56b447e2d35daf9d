import { access, readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { waits } from '../../pair/watch-pair.ts';
import type { StandMember } from '../../pair/stand-member.ts';
import type { Scenario } from '../scenario.ts';

const observedMs = 4_000;
const lookEveryMs = 1;

/** Waits until pg_rewind has begun to change the member's data, and stops it there. */
async function stopRewind({ dataDirectory }: StandMember): Promise<number> {
  const endMs = performance.now() + waits.maxMs;
  while (performance.now() < endMs) {
    for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number)) {
      const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
      if (!command.includes('pg_rewind') || !command.includes(dataDirectory)) continue;
      while (performance.now() < endMs) {
        const io = await readFile(`/proc/${pid}/io`, 'utf8').catch(() => undefined);
        if (io === undefined) throw new Error('pg_rewind ended before it was seen to write');
        if (Number(/^write_bytes: (\d+)$/m.exec(io)?.[1]) === 0) continue;
        process.kill(pid, 'SIGSTOP');
        return pid;
      }
    }
    await sleep(lookEveryMs);
  }
  throw new Error('no pg_rewind was seen');
}

export const killRewind: Scenario = {
  name: 'kill-rewind',
  group: 'postgresql',
  about: 'pg_rewind is killed half-way on the old primary and then the new one dies: the half-rewound copy never leads.',
  changes: 1,
  act: async (stage) => {
    const { primary, standby } = stage;
    await stage.deposeByCut();
    const pid = await stopRewind(primary.member);
    const proof = join(primary.member.directory, 'state', 'postgresql', 'proof');
    const proven = await access(proof).then(
      () => true,
      () => false,
    );
    await primary.member.killAgent();
    process.kill(pid, 'SIGKILL');
    if (proven) throw new Error('the data still counted as complete while pg_rewind changed them');
    await standby.member.killMember();
    await primary.member.startAgent();
    await stage.until('the half-rewound member waits', async () => /waiting for the primary/.test((await stage.status(primary)).step));
    await stage.blocked(primary, 'PrimaryLost');
    await stage.nobodyAcknowledges(observedMs);
    await standby.member.startAgent();
    await stage.acknowledged();
  },
};
