import { expect, test } from 'vitest';
import { statusError } from '#lib/kube/errors.ts';
import { lookForOperator } from './operator-seen.ts';

const wall = Date.parse('2026-01-02T03:04:05Z');
const renewedAt = (agoMs: number) => ({ spec: { holderIdentity: 'h', renewTime: new Date(wall - agoMs).toISOString() } });

/** Looks at a Lease that is read as each of these in turn, and the last of them again and again. */
async function look(reads: readonly unknown[], given?: string, quick = false) {
  let [nowMs, count] = [0, 0];
  const clock = { nowMs: () => nowMs, wallMs: () => wall + nowMs, sleep: (ms: number) => Promise.resolve(void (nowMs += ms)) };
  const client = {
    find: () => {
      const read = reads[Math.min(count++, reads.length - 1)];
      return read instanceof Error ? Promise.reject(read) : Promise.resolve(read as never);
    },
  };
  return { ...(await lookForOperator(given, { client, clock }, new AbortController().signal, { quick })), tookMs: nowMs };
}

test.each([
  ['renewed just now', [renewedAt(2_000)], 2_000, undefined],
  ['renewed as long ago as is allowed', [renewedAt(15_000)], 15_000, undefined],
  ['not renewed for longer', [renewedAt(15_001)], 15_001, /does not renew its Lease hallkeeper-system\/hallkeeper-operator: .* 15s ago/],
  ['not renewed for long', [renewedAt(320_000)], 320_000, /5m ago/],
  ['old by our clock alone, and renewed while we look', [renewedAt(320_000), renewedAt(320_000), renewedAt(318_000)], 0, undefined],
  ['a little ahead of our clock', [renewedAt(-1_000)], 0, undefined],
  ['of the future, and not renewed', [renewedAt(-60_000)], 0, /yet to come/],
  ['of the future, and renewed', [renewedAt(-60_000), renewedAt(-62_000)], 0, undefined],
  ['not there', [undefined], undefined, /There is no Lease/],
  ['given back', [{ spec: { holderIdentity: '', renewTime: new Date(wall).toISOString() } }], undefined, /was stopped/],
])('a Lease that is %s', async (_, reads, agoMs, stale) => {
  const seen = await look(reads);
  expect(seen.agoMs).toBe(agoMs);
  expect(seen.stale ?? '').toMatch(stale ?? /^$/);
  expect(seen.tookMs).toBeLessThanOrEqual(6_500);
});

test('who only looks quickly does not wait for a renewal', async () => {
  const seen = await look([renewedAt(60_000), renewedAt(0)], undefined, true);
  expect([seen.tookMs, seen.stale]).toEqual([0, expect.stringContaining('does not renew')]);
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
