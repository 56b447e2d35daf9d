import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../cluster/eventually.ts';
import type { PairStand } from './pair-stand.ts';
import { startServedPair } from './served-pair.ts';
import type { ServedPair } from './served-pair.ts';
import { acknowledgedAgain, inStep, lostOf, other, takenOverBy, waits } from './watch-pair.ts';
import type { Writer } from './writer.ts';

/** A pair whose record an etcd of three members keeps. */
let pair: ServedPair;
let stand: PairStand;
let writer: Writer;

beforeAll(async () => {
  pair = await startServedPair({ arbiter: 'etcd', etcdMembers: 3 });
  ({ stand, writer } = pair);
}, 180_000);

afterAll(() => pair?.[Symbol.asyncDispose](), 60_000);

test('a machine dies that held the primary and the etcd that leads: the others elect one, and the standby takes over', async () => {
  const { leader, epoch } = await inStep(stand);
  const led = await eventually('an etcd leads', async () => await stand.etcd?.leader(), waits);
  await Promise.all([led.kill(), stand.members[leader].killMember()]);
  await takenOverBy(stand, other(leader), epoch);
  await acknowledgedAgain(writer);
  await stand.members[leader].startAgent();
  expect(await inStep(stand)).toEqual({ leader: other(leader), epoch: epoch + 1 });
  await led.start();
});

test('two of three are gone: writes go on and nobody takes over, until one is back', async () => {
  const { leader, epoch } = await inStep(stand);
  const gone = stand.etcd?.members.slice(0, 2) ?? [];
  await Promise.all(gone.map((member) => member.kill()));
  await eventually('the primary misses the arbiter', async () => !(await stand.status(leader)).arbiterReached, waits);
  await acknowledgedAgain(writer);
  await stand.members[leader].killMember();
  await eventually('the standby misses the primary', async () => !(await stand.status(other(leader))).peerHeard, waits);
  expect((await stand.status(other(leader))).serving).toBe(false);
  await gone[0]?.start();
  await takenOverBy(stand, other(leader), epoch);
  await acknowledgedAgain(writer);
  await stand.members[leader].startAgent();
  await inStep(stand);
});

test('after all this every acknowledged write is there', async () => {
  expect(await lostOf(stand, writer)).toEqual([]);
  expect(writer.acknowledged.length).toBeGreaterThan(100);
});
