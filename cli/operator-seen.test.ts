import { expect, test } from 'vitest';
import { statusError } from '#lib/kube/errors.ts';
import { aboutObject, LeaseWatch, lookForOperator } from './operator-seen.ts';

const wall = Date.parse('2026-01-02T03:04:05Z');
const renewedAt = (agoMs: number) => ({ spec: { holderIdentity: 'h', renewTime: new Date(wall - agoMs).toISOString() } });

/** Renewed so long ago by whoever had held it for so long then. */
const heldFor = (heldMs: number, agoMs: number) => ({
  spec: { ...renewedAt(agoMs).spec, acquireTime: new Date(wall - agoMs - heldMs).toISOString() },
});

/** Looks at a Lease that is read as each of these in turn, and the last of them again and again. */
async function look(reads: readonly unknown[], given?: string) {
  let [nowMs, count] = [0, 0];
  const clock = { nowMs: () => nowMs, wallMs: () => wall + nowMs, sleep: (ms: number) => Promise.resolve(void (nowMs += ms)) };
  const client = {
    find: () => {
      const read = reads[Math.min(count++, reads.length - 1)];
      return read instanceof Error ? Promise.reject(read) : Promise.resolve(read as never);
    },
  };
  return { ...(await lookForOperator(given, { client, clock }, new AbortController().signal)), tookMs: nowMs };
}

test.each([
  ['renewed just now', [renewedAt(2_000)], 2_000, undefined],
  ['renewed as long ago as is allowed', [renewedAt(15_000)], 15_000, undefined],
  ['not renewed for longer', [renewedAt(15_001)], 15_001, /does not renew its Lease hallkeeper-system\/hallkeeper-operator: .* 15s ago/],
  ['not renewed for long', [renewedAt(320_000)], 320_000, /5m ago/],
  ['old by our clock alone, and renewed while we look', [renewedAt(320_000), renewedAt(320_000), renewedAt(318_000)], 0, undefined],
  ['a little ahead of our clock', [renewedAt(-1_000)], 0, undefined],
  ['of the future, and not renewed', [renewedAt(-60_000)], undefined, /yet to come/],
  ['held for as long as the first answers may take', [heldFor(14_000, 2_000)], 2_000, undefined],
  ['taken too lately for the first answers', [heldFor(9_000, 2_000)], 2_000, /began 11s ago.*may not have asked the members yet/],
  ['old by our clock alone, and taken just now', [heldFor(2_000, 320_000), heldFor(4_000, 318_000)], 0, /began 4s ago/],
  ['of the future, and renewed', [renewedAt(-60_000), renewedAt(-62_000)], 0, undefined],
  ['not there', [undefined], undefined, /There is no Lease/],
  ['given back', [{ spec: { holderIdentity: '', renewTime: new Date(wall).toISOString() } }], undefined, /was stopped/],
])('a Lease that is %s', async (_, reads, agoMs, stale) => {
  const seen = await look(reads);
  expect(seen.agoMs).toBe(agoMs);
  expect(seen.stale ?? '').toMatch(stale ?? /^$/);
  expect(seen.tookMs).toBeLessThanOrEqual(6_500);
});

test('who looks again and again does not wait for a renewal, and believes the clocks only until one was seen', async () => {
  const everyMs = 1_000;
  const renewals = [320_000, 320_000, 318_000, ...Array.from({ length: 20 }, () => 318_000)];
  const watch = new LeaseWatch();
  const seen: (readonly [number | undefined, boolean])[] = [];
  for (const [look, agoMs] of renewals.entries()) {
    const client = { find: () => Promise.resolve(renewedAt(agoMs) as never) };
    const sleep = () => Promise.reject(new Error('it waits'));
    const clock = { nowMs: () => look * everyMs, wallMs: () => wall, sleep };
    const { agoMs: ago, stale } = await lookForOperator(undefined, { client, clock }, new AbortController().signal, watch);
    seen.push([ago, stale !== undefined]);
  }
  expect(seen.slice(0, 4)).toEqual([
    [320_000, true],
    [320_000, true],
    [0, false],
    [1_000, false],
  ]);
  expect(seen[17]).toEqual([15_000, false]);
  expect(seen[18]).toEqual([16_000, true]);
});

test('without the right to read it nothing is called fresh, and other failures are told', async () => {
  const forbidden = statusError({ verb: 'get', resource: 'leases' } as never, 403, {});
  expect((await look([forbidden])).stale).toMatch(/not known/);
  await expect(look([new Error('broken')])).rejects.toThrow('broken');
});

test('another Lease is named by namespace and name', async () => {
  expect(await look([renewedAt(0)], 'ops/hk')).toMatchObject({ lease: 'ops/hk' });
  await expect(look([renewedAt(0)], 'hk')).rejects.toThrow('NAMESPACE/LEASE');
});

test('what the operator that has just begun has described itself is not the word of the one before', async () => {
  const { tookMs: _, ...operator } = await look([heldFor(5_000, 1_000)]);
  expect(operator).toMatchObject({ justBegun: true });
  const at = (agoMs: number): string => new Date(wall - agoMs).toISOString();
  const pair = (createdMs: number, ...changedMs: readonly number[]) => ({
    metadata: { creationTimestamp: at(createdMs) },
    status: { conditions: changedMs.map((ms) => ({ lastTransitionTime: at(ms) })) },
  });
  const own = { justBegun: false, stale: undefined };
  expect(aboutObject(operator, pair(3_000))).toMatchObject(own);
  expect(aboutObject(operator, pair(60_000, 50_000, 3_000))).toMatchObject(own);
  expect(aboutObject(operator, pair(6_000))).toEqual(operator);
  expect(aboutObject(operator, pair(60_000, 50_000, 6_000))).toEqual(operator);
  expect(aboutObject(operator, { metadata: {} })).toEqual(operator);
  const { tookMs: __, ...away } = await look([undefined]);
  expect(aboutObject(away, pair(0, 0))).toEqual(away);
});
