import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../cluster/eventually.ts';
import type { PairStand } from './pair-stand.ts';
import { startServedPair } from './served-pair.ts';
import type { ServedPair } from './served-pair.ts';
import { acknowledgedAgain, inStep, lostOf, other, waits } from './watch-pair.ts';
import type { Name } from './watch-pair.ts';
import type { Writer } from './writer.ts';

/** What a commit that was let through would take many times over. */
const observedMs = 3_000;
let pair: ServedPair;
let stand: PairStand;
let writer: Writer;

/** A pair that would rather not write than have one copy. */
beforeAll(async () => {
  pair = await startServedPair();
  ({ stand, writer } = pair);
  for (const name of ['a', 'b'] as const) {
    await stand.changeSettings(name, { whenStandbyLost: 'block' });
    const taken = async (): Promise<boolean> => (await stand.status(name)).settingsRevision === stand.settings[name].revision;
    await eventually(`member ${name} uses its newest settings`, taken, waits);
  }
}, 180_000);
afterAll(() => pair?.[Symbol.asyncDispose](), 60_000);

/** There is no condition whose coming would end this wait. */
async function acknowledgesNothing(): Promise<void> {
  const before = writer.acknowledged.length;
  await sleep(observedMs);
  expect(writer.acknowledged.length - before).toBe(0);
}

const modeOf = async (name: Name): Promise<string | undefined> => (await stand.status(name)).record?.mode;
const gone = (name: Name): Promise<true> =>
  eventually(
    `${other(name)} does not hear ${name}`,
    async () => ((await stand.status(other(name))).blockedBy !== undefined ? true : undefined),
    waits,
  );

test('the standby is lost: writes wait, the record keeps two copies, and they go on when it is back', async () => {
  const before = await inStep(stand);
  const standby = other(before.leader);
  await acknowledgedAgain(writer);
  await stand.members[standby].killMember();
  await gone(standby);
  await acknowledgesNothing();
  expect(await modeOf(before.leader)).toBe('sync');
  await stand.members[standby].startAgent();
  await acknowledgedAgain(writer);
  expect(await inStep(stand)).toEqual(before);
}, 240_000);

test('the primary is lost: its standby takes the lead and writes wait until there are two copies again, and nothing is lost', async () => {
  const { leader, epoch } = await inStep(stand);
  await acknowledgedAgain(writer);
  await stand.members[leader].killMember();
  const claimed = async (): Promise<boolean> => ((await stand.status(other(leader))).record?.epoch ?? 0) > epoch;
  await eventually('the standby leads', claimed, waits);
  await acknowledgesNothing();
  await stand.members[leader].startAgent();
  await acknowledgedAgain(writer);
  expect((await inStep(stand)).leader).toBe(other(leader));
  expect(await lostOf(stand, writer)).toEqual([]);
}, 240_000);
