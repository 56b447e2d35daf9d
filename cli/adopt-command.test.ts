import { expect, test } from 'vitest';
import type { FailoverPairStatusMember } from '#lib/api/failoverpair.gen.ts';
import { adoptCommand } from './adopt-command.ts';
import type { CommandPorts } from './command-frame.ts';
import type { PairSeen } from './pair-seen.ts';
import { aPairSeen, aPrimaryStatus, aStandbyStatus } from './testing/pairs.ts';

const wallMs = Date.parse('2026-01-02T03:04:05Z');
const gone = { ...aPrimaryStatus(), heard: 'NotHeard' } as const;
const solo = { mode: 'Solo', sequence: 10 } as const;
/** `a` led alone and is silent: `b` can be adopted with what it lacks. */
const without = (a: FailoverPairStatusMember, b: Partial<FailoverPairStatusMember> = {}): PairSeen =>
  aPairSeen({ members: [a, aStandbyStatus({ streaming: false, ...b })] }, solo);

interface Situation {
  /** What the API server tells, each time that the pair is read. The last one stays. */
  readonly reads: readonly PairSeen[];
  /** Whether the operator renews its Lease. */
  readonly alive?: boolean;
  readonly answer?: string;
  readonly options?: Readonly<Record<string, string | true>>;
}

/** Adopts `b`, on an API server that lets everybody do everything. */
async function adopt({ reads, alive = true, answer, options = { 'accept-loss': true } }: Situation) {
  let [nowMs, count] = [0, 0];
  let seen = reads[0];
  const written: string[] = [];
  const printed: string[] = [];
  const progress: string[] = [];
  const find = ({ kind }: { readonly kind: string }): Promise<unknown> => {
    if (kind === 'Lease') {
      return Promise.resolve({
        spec: { holderIdentity: 'h', renewTime: new Date(alive ? wallMs + nowMs : wallMs - 320_000).toISOString() },
      });
    }
    if (kind !== 'FailoverPair') return Promise.resolve(seen?.record);
    seen = reads[Math.min(count++, reads.length - 1)];
    return Promise.resolve(seen?.pair);
  };
  const create = (_: unknown, object: { readonly kind: string; readonly spec?: object }): Promise<unknown> => {
    if (object.kind === 'PairRecord') written.push('created');
    return Promise.resolve({ ...object, status: { allowed: true, userInfo: { username: 'ada' } } });
  };
  const patch = () => Promise.resolve({ metadata: { resourceVersion: '8' } });
  const ports = {
    client: { find, create, patch, delete: () => Promise.resolve(written.push('removed')), list: () => Promise.resolve({ items: [] }) },
    namespace: 'hall-7',
    clock: { nowMs: () => nowMs, wallMs: () => wallMs + nowMs, sleep: (ms: number) => Promise.resolve(void (nowMs += ms)) },
    print: (text: string) => void printed.push(text),
    progress: (text: string) => void progress.push(text),
    ask: () => Promise.resolve(answer),
    signal: new AbortController().signal,
  };
  const line = {
    positionals: ['pair-7'],
    has: (name: string) => name in options,
    text: (name: string) => (name === 'primary' ? 'b' : undefined),
  };
  const end = await adoptCommand.run(line as never, ports as unknown as CommandPorts).catch((error: unknown) => String(error));
  return { end, written, said: printed.join(''), progress: progress.join('\n') };
}

test('what rests on an operator that is away is no reason to give a member up, whatever loss is accepted', async () => {
  const { end, written } = await adopt({ reads: [without(gone)], alive: false, options: { 'accept-loss': true, yes: true } });
  expect(end).toMatch(/does not renew its Lease.*5m ago.*what is told of the members may be out of date/);
  expect(written).toEqual([]);
});

test('a member that comes back while a person is asked is not deposed', async () => {
  const { end, written } = await adopt({ reads: [without(gone), without(gone), without(aPrimaryStatus())], answer: 'b' });
  expect(end).toMatch(/the record is not lost/);
  expect(written).toEqual([]);
});

test('nor is a loss accepted that was not told to the person who was asked', async () => {
  const emptied = aPrimaryStatus({ role: 'Unknown', postgresql: 'Down', data: 'Incomplete' });
  const { end, written } = await adopt({ reads: [without(gone), without(gone), without(emptied)], answer: 'b' });
  expect(end).toMatch(/has changed while you were asked.*what a has beyond b is lost.*Run this command again/);
  expect(written).toEqual([]);
});

test('both members’ own word that the record is lost, compared anew, needs no Lease', async () => {
  const at = (seconds: number): PairSeen => {
    const frozen = {
      frozen: 'the record is missing',
      position: { flushed: '0/5000000', exact: true, seenAt: `2026-01-02T03:04:1${seconds}Z` },
    };
    return aPairSeen({ members: [aPrimaryStatus(frozen), aStandbyStatus(frozen)] }, 'gone');
  };
  const { end, written } = await adopt({ reads: [at(0), at(0), at(1), at(2), at(3)], alive: false, answer: 'b' });
  expect([end, written]).toEqual([5, ['created']]);
});

test('what stays as it was told is written', async () => {
  expect(await adopt({ reads: [without(gone)], answer: 'b' })).toMatchObject({ end: 5, written: ['removed', 'created'] });
});

test('a member that was not seen to serve under the record is not said to lead', async () => {
  const { end, said } = await adopt({ reads: [without(gone)], options: { 'accept-loss': true, yes: true } });
  expect(end).toBe(5);
  expect(said).toMatch(/the record says that b leads.*and b was not seen to serve clients yet.*hallctl pair explain pair-7 -n hall-7/);
  const json = await adopt({ reads: [without(gone)], options: { 'accept-loss': true, yes: true, json: true } });
  expect(JSON.parse(json.said)).toMatchObject({ serving: false, synchronous: false });
});

test('what a claimant is known to lack is given up by name only', async () => {
  const knows = { mode: 'Claim', primary: 'b', epoch: 4, sequence: 10 } as const;
  const stuck = 'what it received cannot be read to the end, so it lacks what was acknowledged';
  const claimed = (a: FailoverPairStatusMember): PairSeen =>
    aPairSeen({ members: [a, aStandbyStatus({ role: 'Primary', streaming: false, knows, stuck })] }, knows);
  const emptied = aPrimaryStatus({ role: 'Unknown', postgresql: 'Down', data: 'Empty', knows });
  const short = aPrimaryStatus({ postgresql: 'Down', stuck, knows });
  for (const [a, instead] of [
    [gone, 'Start a, or, when it is gone for good, go on'],
    [emptied, 'a cannot lead: restore a backup, or go on'],
    [short, 'a cannot lead: restore a backup, or go on'],
  ] as const) {
    const refused = await adopt({ reads: [claimed(a)], options: { yes: true } });
    expect(refused).toMatchObject({ written: [], end: expect.stringContaining('b lacks what was acknowledged, and that is lost') });
    expect(refused.end).toContain(instead);
    expect(await adopt({ reads: [claimed(a)], options: { yes: true, 'accept-loss': true } })).toMatchObject({
      end: 5,
      written: ['removed', 'created'],
    });
  }
});

test('only a member that can lead is offered instead', async () => {
  const refused = async (a: FailoverPairStatusMember) => (await adopt({ reads: [without(a)], options: { yes: true } })).end;
  expect(await refused(gone)).toMatch(/Start a, or, when it is gone for good, go on with --accept-loss/);
  const knows = { mode: 'Solo', primary: 'a', epoch: 3, sequence: 10 } as const;
  const emptied = aPrimaryStatus({ role: 'Unknown', postgresql: 'Down', data: 'Empty', knows });
  expect(await refused(emptied)).toMatch(/a cannot lead: restore a backup, or go on with --accept-loss/);
});
