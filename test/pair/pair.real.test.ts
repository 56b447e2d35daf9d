import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { MemberStatus } from '#agents/member/contract.ts';
import { eventually } from '../cluster/eventually.ts';
import { startPairStand } from './pair-stand.ts';
import type { PairStand } from './pair-stand.ts';
import { acknowledgedAgain, inStep, leadsAlone, lostOf, other, takenOverBy, waits } from './watch-pair.ts';
import type { Name } from './watch-pair.ts';
import { Writer } from './writer.ts';

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

describe('a pair of real members', () => {
  test('starts from empty: the first member founds, the other copies, and the name points to the first', async () => {
    await Promise.all([stand.members.a.startAgent(), stand.members.b.startAgent()]);
    expect(await inStep(stand)).toEqual({ leader: 'a', epoch: 1 });
    await eventually('DNS answers', async () => (await stand.bind.addressesOf('pair'))[0] === stand.members.a.address, waits);
    writer = new Writer(() => stand.bind.addressesOf('pair'), { port: stand.postgresPort, client: stand.client });
    writer.start();
    await acknowledgedAgain(writer);
  });

  test('kill -9 of PostgreSQL: the standby takes over, the name moves, and the dead one rejoins by itself', async () => {
    const { leader, epoch } = await inStep(stand);
    await stand.members[leader].killPostgres();
    await takenOverBy(stand, other(leader), epoch);
    await acknowledgedAgain(writer);
    expect(await stand.bind.addressesOf('pair')).toEqual([stand.members[other(leader)].address]);
    expect(await inStep(stand)).toMatchObject({ leader: other(leader), epoch: epoch + 1 });
    const [report] = (await status(other(leader))).failovers;
    expect(report).toMatchObject({ epoch: epoch + 1, reason: 'processDeath', from: leader, to: other(leader) });
  });

  for (const which of ['primary', 'standby'] as const) {
    test(`kill -9 of the ${which}'s agent alone: PostgreSQL serves on, nobody takes over`, async () => {
      const { leader, epoch } = await inStep(stand);
      const member = stand.members[which === 'primary' ? leader : other(leader)];
      const postmaster = await member.postmaster();
      await member.killAgent();
      await acknowledgedAgain(writer);
      await member.startAgent();
      expect(await inStep(stand)).toEqual({ leader, epoch });
      expect(await member.postmaster()).toBe(postmaster);
      await acknowledgedAgain(writer);
    });
  }

  test('kill -9 of the whole primary: the standby takes over, and the lost member rejoins when its power is back', async () => {
    const { leader, epoch } = await inStep(stand);
    await stand.members[leader].killMember();
    await takenOverBy(stand, other(leader), epoch);
    await acknowledgedAgain(writer);
    await stand.members[leader].startAgent();
    expect(await inStep(stand)).toMatchObject({ leader: other(leader), epoch: epoch + 1 });
  });

  test('kill -9 of the whole standby: the primary goes on alone and admits it again', async () => {
    const { leader, epoch } = await inStep(stand);
    await stand.members[other(leader)].killMember();
    await leadsAlone(stand, leader);
    expect((await status(leader)).blockedBy).toBe('StandbyLost');
    await acknowledgedAgain(writer);
    await stand.members[other(leader)].startAgent();
    expect(await inStep(stand)).toEqual({ leader, epoch });
  });

  test('power lost and back on both: the pair finds itself again', async () => {
    const { epoch } = await inStep(stand);
    await Promise.all([stand.members.a.killMember(), stand.members.b.killMember()]);
    await Promise.all([stand.members.a.startAgent(), stand.members.b.startAgent()]);
    expect((await inStep(stand)).epoch).toBeGreaterThanOrEqual(epoch);
    await acknowledgedAgain(writer);
  });

  test('ten switchovers in a row, there and back again', async () => {
    for (let round = 0; round < 10; round += 1) {
      const { leader, epoch } = await inStep(stand);
      await stand.switchover(leader, `round-${round}`);
      await takenOverBy(stand, other(leader), epoch);
      expect(await inStep(stand)).toEqual({ leader: other(leader), epoch: epoch + 1 });
      expect((await status(leader)).operations.at(-1)).toMatchObject({ id: `round-${round}`, state: 'done' });
    }
  }, 240_000);

  test('a switchover is refused with the reason when the standby is away', async () => {
    const { leader } = await inStep(stand);
    await stand.members[other(leader)].killMember();
    await leadsAlone(stand, leader);
    await stand.switchover(leader, 'not-now');
    const refused = await eventually(
      'the switchover is refused',
      async () => (await status(leader)).operations.find(({ id, state }) => id === 'not-now' && state === 'refused'),
      waits,
    );
    expect(refused.why).toContain('only the primary of a pair in mode SYNC hands over');
    await stand.members[other(leader)].startAgent();
    await inStep(stand);
  });

  test('after all this every acknowledged write is there', async () => {
    expect(await lostOf(stand, writer)).toEqual([]);
    expect(writer.acknowledged.length).toBeGreaterThan(500);
  });
});
