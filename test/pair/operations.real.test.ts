import { access, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AskedStanding } from '#agents/member/contract.ts';
import { eventually } from '../cluster/eventually.ts';
import type { PairStand } from './pair-stand.ts';
import { startServedPair } from './served-pair.ts';
import type { ServedPair } from './served-pair.ts';
import { acknowledgedAgain, inStep, leadsAlone, lostOf, other, takenOverBy, waits } from './watch-pair.ts';
import type { Name } from './watch-pair.ts';
import type { Writer } from './writer.ts';

let pair: ServedPair;
let stand: PairStand;
let writer: Writer;

beforeAll(async () => {
  pair = await startServedPair();
  ({ stand, writer } = pair);
}, 240_000);

afterAll(() => pair?.[Symbol.asyncDispose](), 60_000);

/** How the asking of this id stands at the member. */
const standing = async (name: Name, id: string): Promise<AskedStanding | undefined> =>
  (await stand.status(name)).operations.find((each) => each.id === id);

const ended = (name: Name, id: string): Promise<AskedStanding> =>
  eventually(
    `${id} has ended at ${name}`,
    async () => {
      const found = await standing(name, id);
      return found?.state === 'running' ? undefined : found;
    },
    waits,
  );

const keepsakeOf = (name: Name): string => join(stand.members[name].dataDirectory, 'keepsake');
/** A file in the data directory, which no copy brings along. */
const leaveKeepsake = (name: Name): Promise<void> => writeFile(keepsakeOf(name), 'of the old copy');
const hasKeepsake = (name: Name): Promise<boolean> =>
  access(keepsakeOf(name)).then(
    () => true,
    () => false,
  );

describe('a drill', () => {
  test('kills PostgreSQL for real: the standby takes over, nothing acknowledged is lost, and the report tells positions and outage', async () => {
    const { leader, epoch } = await inStep(stand);
    const postmaster = await stand.members[leader].postmaster();
    await stand.ask(leader, 'kill', 'drill-1');
    await takenOverBy(stand, other(leader), epoch);
    expect(await ended(leader, 'drill-1')).toMatchObject({ what: 'kill', state: 'done', why: 'the standby took over' });
    expect(await stand.members[leader].postmaster()).not.toBe(postmaster);
    await acknowledgedAgain(writer);
    const report = await eventually('the report', async () => (await stand.status(other(leader))).failovers[0], waits);
    expect(report).toMatchObject({ epoch: epoch + 1, reason: 'processDeath', from: leader, to: other(leader) });
    const [acknowledged, claimed, opened] = [report.positionAcknowledged, report.positionAtClaim, report.positionAtOpen].map(positionOf);
    expect(acknowledged).toBeGreaterThan(0n);
    expect(claimed).toBeGreaterThanOrEqual(acknowledged ?? 0n);
    expect(opened).toBeGreaterThanOrEqual(claimed ?? 0n);
    // Five phases lie within the outage, which began with the last canary before.
    const { detect, decide, fence, promote } = report.phasesMs;
    expect(report.outageMs).toBeGreaterThanOrEqual(decide + fence + promote);
    expect(detect).toBeLessThanOrEqual(report.outageMs);
    await inStep(stand);
  }, 240_000);

  test('asked again by the same id it does nothing, also of an agent that was restarted', async () => {
    const { leader, epoch } = await inStep(stand);
    const member = stand.members[other(leader)];
    await member.killAgent();
    await member.startAgent();
    await inStep(stand);
    await stand.switchover(leader, 'back');
    await takenOverBy(stand, other(leader), epoch);
    const now = await inStep(stand);
    const postmaster = await member.postmaster();
    await stand.ask(now.leader, 'kill', 'drill-1');
    await acknowledgedAgain(writer);
    expect(await standing(now.leader, 'drill-1')).toMatchObject({ state: 'done' });
    expect(await member.postmaster()).toBe(postmaster);
    expect(await inStep(stand)).toEqual(now);
  }, 240_000);

  test('of a standby it is refused', async () => {
    const { leader } = await inStep(stand);
    await stand.ask(other(leader), 'kill', 'drill-2');
    expect((await ended(other(leader), 'drill-2')).why).toContain('only the primary of a pair in mode SYNC is killed');
  });
});

describe('copying a standby anew', () => {
  test('while it is one of two copies: the primary goes on alone first, without a write that waits for it, and admits the new copy', async () => {
    const { leader, epoch } = await inStep(stand);
    const standby = other(leader);
    await leaveKeepsake(standby);
    const gapBefore = writer.acknowledged.length;
    await stand.ask(standby, 'reinitialise', 'anew-1');
    await leadsAlone(stand, leader);
    expect(await ended(standby, 'anew-1')).toMatchObject({ what: 'reinitialise', state: 'done', why: 'the new copy streams' });
    expect(await hasKeepsake(standby)).toBe(false);
    expect(await inStep(stand)).toEqual({ leader, epoch });
    expect(writer.acknowledged.length).toBeGreaterThan(gapBefore);
    expect(await stand.members[standby].log()).toContain('it was asked for');
  }, 240_000);

  test('a copy that its agent does not survive is finished by the next one, under the same id', async () => {
    const { leader, epoch } = await inStep(stand);
    const member = stand.members[other(leader)];
    await leaveKeepsake(other(leader));
    await stand.ask(other(leader), 'reinitialise', 'anew-2');
    await eventually('the old copy is gone', async () => !(await hasKeepsake(other(leader))), { ...waits, everyMs: 5 });
    await member.killAgent();
    await member.startAgent();
    // Killed a moment later it may have been whole already: then it has nothing to go on with, and says so.
    const { state, why } = await ended(other(leader), 'anew-2');
    expect(`${state}: ${why}`).toMatch(/^done: the new copy streams|^failed: the agent was restarted/);
    expect(await inStep(stand)).toEqual({ leader, epoch });
  }, 240_000);

  test('of the primary it is refused, and nothing is touched', async () => {
    const { leader, epoch } = await inStep(stand);
    await leaveKeepsake(leader);
    await stand.ask(leader, 'reinitialise', 'anew-3');
    expect((await ended(leader, 'anew-3')).why).toContain('this member leads');
    expect(await hasKeepsake(leader)).toBe(true);
    expect(await inStep(stand)).toEqual({ leader, epoch });
  });
});

test('after all this every acknowledged write is there', async () => {
  expect(await lostOf(stand, writer)).toEqual([]);
  expect(writer.acknowledged.length).toBeGreaterThan(100);
}, 120_000);

/** `0/3000028` as a number of bytes. */
function positionOf(text: string | undefined): bigint {
  const [high = '0', low = '0'] = (text ?? '0/0').split('/');
  return (BigInt(`0x${high}`) << 32n) + BigInt(`0x${low}`);
}
