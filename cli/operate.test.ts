import { describe, expect, test } from 'vitest';
import type { PairOperation, PairOperationStatus } from '#lib/api/pairoperation.gen.ts';
import { seededRandom } from '#lib/base/random.ts';
import type { KubeObject } from '#lib/kube/objects.ts';
import type { OperationWish } from './decide-operation.ts';
import { createOperation, endAsJson, endInWords, followOperation } from './operate.ts';
import type { OperatePorts } from './operate.ts';
import { aPairSeen } from './testing/pairs.ts';

const condition = (type: string, status: 'True' | 'False', reason: string, message: string) => ({
  type,
  status,
  reason,
  message,
  lastTransitionTime: '2026-01-02T03:04:05Z',
});
const waiting: PairOperationStatus = { conditions: [condition('Complete', 'False', 'Waiting', 'other came first and is not finished')] };
const running: PairOperationStatus = {
  startedAt: '2026-01-02T03:04:05Z',
  conditions: [condition('Complete', 'False', 'Running', 'the primary was asked')],
};
const done: PairOperationStatus = {
  ...running,
  conditions: [condition('Complete', 'True', 'Done', 'b leads in epoch 4')],
  report: { epoch: 4, from: 'a', to: 'b', writeOutageMs: 310, phases: { detect: 1, decide: 9 }, message: 'handed over' },
};
const ended = (reason: string): PairOperationStatus => ({ ...waiting, conditions: [condition('Failed', 'True', reason, 'because')] });

/** A status, or none yet; `stop`: as before, and whoever follows is told to leave. */
type Told = PairOperationStatus | 'stop' | undefined;

/** A cluster that answers each look with the next of these, a clock that runs as fast as it is asked, and what was shown. */
function world(...statuses: readonly Told[]) {
  const lines: string[] = [];
  const created: KubeObject[] = [];
  let nowMs = 0;
  let looks = 0;
  const stop = new AbortController();
  const ports = {
    random: seededRandom(1),
    progress: (line: string) => void lines.push(line),
    clock: {
      nowMs: () => nowMs,
      wallMs: () => Date.parse('2026-01-02T03:00:00Z'),
      sleep: (ms: number, signal?: AbortSignal) => {
        nowMs += ms;
        if (nowMs > 3 * 3_600_000) throw new Error('it does not end');
        signal?.throwIfAborted();
        return Promise.resolve();
      },
    },
    client: {
      create: (_type: unknown, object: KubeObject) => {
        created.push(object);
        return Promise.resolve(object);
      },
      get: () => {
        const next = statuses[Math.min(looks, statuses.length - 1)];
        const before = statuses[Math.min(looks, statuses.length) - 1];
        const status = next === 'stop' ? before : next;
        looks += 1;
        if (next === 'stop') stop.abort();
        return Promise.resolve({ ...created[0], ...(status === undefined || status === 'stop' ? {} : { status }) });
      },
    },
  } as unknown as OperatePorts;
  return { ports, lines, created, stop };
}

const switchover: OperationWish = { type: 'Switchover', member: undefined, reason: 'tidy' };

const run = (...statuses: readonly Told[]) => runOf(switchover, ...statuses);

async function runOf(wish: OperationWish, ...statuses: readonly Told[]) {
  const { ports, lines, stop } = world(...statuses);
  const operation = await createOperation(aPairSeen(), wish, ports, stop.signal);
  return { end: await followOperation(operation, ports, stop.signal), lines };
}

describe('what is asked for', () => {
  test.each(['ada', undefined])('says who asked for it, where that is known: %s', async (author) => {
    const { ports, created, stop } = world();
    await createOperation(aPairSeen(), { ...switchover, author }, ports, stop.signal);
    expect(created[0]?.metadata.annotations?.['hallkeeper.dev/asked-by']).toBe(author);
  });

  const rows: readonly (readonly [string, OperationWish, object])[] = [
    ['a switchover goes to the standby', switchover, { type: 'Switchover', member: 'b', reason: 'tidy' }],
    ['or to whom it is told', { ...switchover, member: 'b' }, { type: 'Switchover', member: 'b' }],
    ['a drill that kills the primary names nobody', { ...switchover, type: 'KillPrimary' }, { type: 'KillPrimary' }],
    ['a pause concerns the whole pair', { ...switchover, type: 'Pause' }, { type: 'Pause' }],
    ['and so does its end', { ...switchover, type: 'Resume' }, { type: 'Resume' }],
    ['a copy names the standby', { ...switchover, type: 'Reinitialize', member: 'b' }, { type: 'Reinitialize', member: 'b' }],
  ];
  for (const [behaviour, wish, spec] of rows) {
    test(behaviour, async () => {
      const { ports, created, stop } = world(done);
      await createOperation(aPairSeen(), wish, ports, stop.signal);
      expect(created).toMatchObject([{ spec: { ...spec, pairRef: { name: 'pair-7' }, notAfter: '2026-01-02T03:15:00Z' } }]);
      expect('member' in (created[0] as PairOperation).spec).toBe(wish.type === 'Switchover' || wish.type === 'Reinitialize');
      expect(created[0]?.metadata.name).toMatch(/^pair-7-(switchover|killprimary|pause|resume|reinitialize)-[a-z0-9]+$/);
    });
  }

  test('what cannot be asked for is told before anything is created', async () => {
    const { ports, created, stop } = world(done);
    const ask = (member: string) => createOperation(aPairSeen(), { ...switchover, member }, ports, stop.signal);
    await expect(ask('a')).rejects.toThrow('a is the primary already');
    await expect(ask('c')).rejects.toThrow('pair-7 has the members a and b, not c');
    expect(created).toEqual([]);
  });
});

describe('following', () => {
  test('tells each step once, and the report in words', async () => {
    const { end, lines } = await run(undefined, waiting, waiting, running, running, done);
    expect(lines.map((line) => line.replace(/^\S+ s +/, ''))).toEqual([
      'waiting',
      'waiting: other came first and is not finished',
      'running: the primary was asked',
    ]);
    expect(end).toMatchObject({ state: 'Done', leftBecause: undefined });
    expect(endInWords(end)).toMatch(/done\. b leads instead of a in epoch 4, 0\.31 s without an acknowledged write\.\n {2}detect +0\.00 s/);
    expect(endAsJson(end)).toMatchObject({ ok: true, state: 'Done', report: { epoch: 4 } });
  });

  test('says by both positions whether anything was lost', async () => {
    const at = (positionAcknowledged: string) => ({ ...done, report: { epoch: 4, positionAcknowledged, positionAtClaim: '0/3000060' } });
    expect(endInWords((await run(at('0/3000060'))).end)).toContain('Nothing was lost: acknowledged up to 0/3000060, claimed at 0/3000060.');
    expect(endInWords((await run(at('0/3000061'))).end)).toContain('SOMETHING MAY BE LOST');
  });

  test.each(['Refused', 'Expired', 'Aborted'] as const)('says that one was %s, and why', async (reason) => {
    const { end } = await run(waiting, ended(reason));
    const changed = reason === 'Aborted' ? 'look at the pair with hallctl pair status' : 'nothing was changed by it';
    expect(endInWords(end)).toContain(`${reason.toLowerCase()}, ${changed}: because`);
    expect(endAsJson(end)).toMatchObject({ ok: false, state: reason });
  });

  test('follows a copy for as long as the operator gives it, and shows each step of it', async () => {
    const copying = (percent: number): PairOperationStatus => ({
      startedAt: '2026-01-02T03:04:05Z',
      conditions: [condition('Complete', 'False', 'Running', `b: copying ${percent} %`)],
    });
    const wish: OperationWish = { type: 'Reinitialize', member: 'b', reason: 'its disk was replaced' };
    const hours = Array.from({ length: 2 * 3_600 }, () => copying(10));
    const { end, lines } = await runOf(wish, ...hours, copying(20), {
      conditions: [condition('Complete', 'True', 'Done', 'b has a new copy, and is waited for again')],
    });
    expect(lines.map((line) => line.replace(/^\S+ s +/, ''))).toEqual(['waiting', 'running: b: copying 10 %', 'running: b: copying 20 %']);
    expect(endInWords(end)).toMatch(/^pair-7-reinitialize-\w+: done: b has a new copy, and is waited for again\.\n$/);
    expect(endAsJson(end)).toMatchObject({ ok: true, type: 'Reinitialize', member: 'b', report: null });
  });

  test('says of a pause that is done how it is ended', async () => {
    const paused = { conditions: [condition('Complete', 'True', 'Done', 'both members make no failover')] };
    const { end } = await runOf({ type: 'Pause', member: undefined, reason: 'work' }, paused);
    expect(endInWords(end)).toMatch(
      /done: both members make no failover\. Nobody takes over until: hallctl pair resume pair-7 -n hall-7\n$/,
    );
  });

  test('wonders about an operator that does not come, and gives up after the operation itself has', async () => {
    const { end, lines } = await run(undefined);
    expect(lines.filter((line) => line.includes('does the operator run'))).toHaveLength(1);
    expect(end).toMatchObject({ state: 'Waiting', leftBecause: expect.stringContaining('does the operator run') as string });
  });

  test('stops when it is told to, and the operation goes on', async () => {
    const { end } = await run(running, running, running, 'stop');
    expect(end.leftBecause).toBe('it goes on without us');
    expect(endInWords(end)).toContain('hallctl pair status pair-7 -n hall-7');
  });

  test('stopped before it has begun, it is not said to go on, but until when it may begin', async () => {
    const { end } = await runOf({ type: 'Pause', member: undefined, reason: 'work' }, waiting, 'stop');
    expect(endInWords(end)).toMatch(
      /^pair-7-pause-\w+: it has not begun yet, and expires if it does not by 2026-01-02T03:15:00Z; it is waiting\. Look/,
    );
  });
});
