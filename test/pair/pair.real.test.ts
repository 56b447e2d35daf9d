import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { MemberStatus } from '#agents/member/contract.ts';
import { eventually } from '../cluster/eventually.ts';
import { startPairStand } from './pair-stand.ts';
import type { PairStand } from './pair-stand.ts';
import { readWritten, Writer } from './writer.ts';

type Name = 'a' | 'b';
const other = (name: Name): Name => (name === 'a' ? 'b' : 'a');
const limits = { maxMs: 90_000, everyMs: 100 };

let stand: PairStand;
let writer: Writer;

beforeAll(async () => {
  stand = await startPairStand();
}, 180_000);

afterAll(async () => {
  await writer?.stop();
  await stand?.[Symbol.asyncDispose]();
}, 60_000);

const status = (name: Name): Promise<MemberStatus> => stand.status(name);

/** Waits until the pair is synchronous under a primary that serves, and says which. */
async function inStep(): Promise<{ readonly leader: Name; readonly epoch: number }> {
  return await eventually(
    'the pair is in mode SYNC, one member serves and the other streams',
    async () => {
      const both = { a: await status('a'), b: await status('b') };
      const leader = (['a', 'b'] as const).find((name) => both[name].serving);
      if (leader === undefined || both[other(leader)].serving) return undefined;
      const { record, blockedBy } = both[leader];
      const standby = both[other(leader)];
      const good = record?.mode === 'sync' && record.primary === leader && blockedBy === undefined && standby.role === 'standby';
      return good && standby.step === 'streaming' ? { leader, epoch: record.epoch } : undefined;
    },
    limits,
  );
}

async function takenOverBy(name: Name, epoch: number): Promise<void> {
  await eventually(
    `member ${name} serves in a later epoch`,
    async () => (await status(name)).serving && ((await status(name)).record?.epoch ?? 0) > epoch,
    limits,
  );
}

/** Clients are served again: the writer has been acknowledged after now. */
async function acknowledgedAgain(): Promise<void> {
  const before = writer.acknowledged.length;
  await eventually('a commit is acknowledged', () => writer.acknowledged.length > before + 5, limits);
}

describe('a pair of real members', () => {
  test('starts from empty: the first member founds, the other copies, and the name points to the first', async () => {
    await Promise.all([stand.members.a.startAgent(), stand.members.b.startAgent()]);
    expect(await inStep()).toEqual({ leader: 'a', epoch: 1 });
    await eventually('DNS answers', async () => (await stand.bind.addressesOf('pair'))[0] === stand.members.a.address, limits);
    writer = new Writer(() => stand.bind.addressesOf('pair'), { port: stand.postgresPort, client: stand.client });
    writer.start();
    await acknowledgedAgain();
  });

  test('kill -9 of PostgreSQL: the standby takes over, the name moves, and the dead one rejoins by itself', async () => {
    const { leader, epoch } = await inStep();
    await stand.members[leader].killPostgres();
    await takenOverBy(other(leader), epoch);
    await acknowledgedAgain();
    expect(await stand.bind.addressesOf('pair')).toEqual([stand.members[other(leader)].address]);
    expect(await inStep()).toMatchObject({ leader: other(leader), epoch: epoch + 1 });
    const [report] = (await status(other(leader))).failovers;
    expect(report).toMatchObject({ epoch: epoch + 1, reason: 'processDeath', from: leader, to: other(leader) });
  });

  for (const which of ['primary', 'standby'] as const) {
    test(`kill -9 of the ${which}'s agent alone: PostgreSQL serves on, nobody takes over`, async () => {
      const { leader, epoch } = await inStep();
      const member = stand.members[which === 'primary' ? leader : other(leader)];
      const postmaster = await member.postmaster();
      await member.killAgent();
      await acknowledgedAgain();
      await member.startAgent();
      expect(await inStep()).toEqual({ leader, epoch });
      expect(await member.postmaster()).toBe(postmaster);
      await acknowledgedAgain();
    });
  }

  test('kill -9 of the whole primary: the standby takes over, and the lost member rejoins when its power is back', async () => {
    const { leader, epoch } = await inStep();
    await stand.members[leader].killMember();
    await takenOverBy(other(leader), epoch);
    await acknowledgedAgain();
    await stand.members[leader].startAgent();
    expect(await inStep()).toMatchObject({ leader: other(leader), epoch: epoch + 1 });
  });

  test('kill -9 of the whole standby: the primary goes on alone and admits it again', async () => {
    const { leader, epoch } = await inStep();
    await stand.members[other(leader)].killMember();
    await eventually('the primary leads alone', async () => (await status(leader)).record?.mode === 'solo', limits);
    expect((await status(leader)).blockedBy).toBe('StandbyLost');
    await acknowledgedAgain();
    await stand.members[other(leader)].startAgent();
    expect(await inStep()).toEqual({ leader, epoch });
  });

  test('power lost and back on both: the pair finds itself again', async () => {
    const { epoch } = await inStep();
    await Promise.all([stand.members.a.killMember(), stand.members.b.killMember()]);
    await Promise.all([stand.members.a.startAgent(), stand.members.b.startAgent()]);
    expect((await inStep()).epoch).toBeGreaterThanOrEqual(epoch);
    await acknowledgedAgain();
  });

  test('ten switchovers in a row, there and back again', async () => {
    for (let round = 0; round < 10; round += 1) {
      const { leader, epoch } = await inStep();
      await stand.switchover(leader, `round-${round}`);
      await takenOverBy(other(leader), epoch);
      expect(await inStep()).toEqual({ leader: other(leader), epoch: epoch + 1 });
      expect((await status(leader)).switchovers.at(-1)).toMatchObject({ id: `round-${round}`, state: 'done' });
    }
  }, 240_000);

  test('a switchover is refused with the reason when the standby is away', async () => {
    const { leader } = await inStep();
    await stand.members[other(leader)].killMember();
    await eventually('the primary leads alone', async () => (await status(leader)).record?.mode === 'solo', limits);
    await stand.switchover(leader, 'not-now');
    const refused = await eventually(
      'the switchover is refused',
      async () => (await status(leader)).switchovers.find(({ id, state }) => id === 'not-now' && state === 'refused'),
      limits,
    );
    expect(refused.why).toContain('only the primary of a pair in mode SYNC hands over');
    await stand.members[other(leader)].startAgent();
    await inStep();
  });

  test('after all this every acknowledged write is there', async () => {
    const { leader } = await inStep();
    await writer.stop();
    const written = await readWritten(stand.members[leader].address, { port: stand.postgresPort, client: stand.client });
    const lost = writer.acknowledged.filter(({ id }) => !written.has(id));
    expect(lost).toEqual([]);
    expect(writer.acknowledged.length).toBeGreaterThan(500);
  });
});
