import { describe, expect, test } from 'vitest';
import { seededRandom } from '#lib/base/random.ts';
import { Schedule } from './schedule.ts';
import { SimNetwork } from './sim-network.ts';
import { SimPostgres } from './sim-postgres.ts';
import { SimStream } from './sim-stream.ts';

const moveMs = 5;

/** A primary `a` with names `peer` and its standby `b`, both well and attached, and a stream that moves all the time. */
function pairOf(seed = 1): { schedule: Schedule; network: SimNetwork; a: SimPostgres; b: SimPostgres; pass: (ms: number) => void } {
  const schedule = new Schedule(seededRandom(seed));
  const network = new SimNetwork(schedule);
  const a = new SimPostgres('a', schedule);
  const b = new SimPostgres('b', schedule);
  a.truncate([{ key: 'init' }]);
  b.truncate([...a.log]);
  Object.assign(a, { data: 'full', proof: true });
  Object.assign(b, { data: 'full', proof: true, upstream: true });
  a.start('primary', 'peer');
  b.start('standby', 'gate');
  a.ready = true;
  b.ready = true;
  const stream = new SimStream(a, b, network, schedule);
  const move = (): void => {
    stream.move();
    schedule.after(moveMs, move);
  };
  move();
  const pass = (ms: number): void => {
    const until = schedule.nowMs + ms;
    while (schedule.runNext(until));
    schedule.nowMs = until;
  };
  pass(50);
  return { schedule, network, a, b, pass };
}

/** What became of one commit. */
function commit(server: SimPostgres, key: string): { told: string } {
  const outcome = { told: 'nothing' };
  server.commit(
    key,
    () => (outcome.told = 'acknowledged'),
    () => (outcome.told = 'failed'),
  );
  return outcome;
}

describe('a commit', () => {
  test('is acknowledged once the standby has it', () => {
    const { a, b, pass } = pairOf();
    const outcome = commit(a, 'k1');
    expect(outcome.told).toBe('nothing');
    pass(100);
    expect([outcome.told, b.holds('k1')]).toEqual(['acknowledged', true]);
  });

  test('waits behind the gate though the standby has it', () => {
    const { a, b, pass } = pairOf();
    a.setNames('gate');
    pass(50);
    const outcome = commit(a, 'k1');
    pass(3_000);
    expect([outcome.told, b.holds('k1')]).toEqual(['nothing', true]);
  });

  test('passes alone until a checkpointer that syncs files has read that it must wait', () => {
    const { a, network, pass } = pairOf(2);
    network.cut();
    a.setNames('none');
    pass(200);
    a.trouble.checkpoints = true;
    a.setNames('gate');
    expect(a.names).toBe('gate');
    expect(commit(a, 'k1').told).toBe('acknowledged');
    pass(3_200);
    expect(commit(a, 'k2').told).toBe('nothing');
  });

  test('whose client gave up is shown to everybody and acknowledged to nobody', () => {
    const { a, network, pass } = pairOf();
    network.cut();
    const outcome = commit(a, 'k1');
    pass(10);
    const before = a.visible;
    a.abandon();
    expect([outcome.told, before, a.visible]).toEqual(['failed', 1, 2]);
  });

  test('does not reach a disk that hangs before it answers again', () => {
    const { a, pass } = pairOf();
    a.trouble.hangs = true;
    const outcome = commit(a, 'k1');
    pass(1_000);
    expect([outcome.told, a.holds('k1'), a.alive]).toEqual(['nothing', false, true]);
    a.flushAgain();
    pass(100);
    expect(outcome.told).toBe('acknowledged');
  });
});

describe('the stream', () => {
  test('that loses one way ends at both ends after the time-out of the one that hears nothing', () => {
    for (const from of ['a', 'b']) {
      const { a, b, network, pass } = pairOf();
      const loss = network.lose('stream', from);
      pass(1_500);
      expect([from, a.peerAttached, b.streaming]).toEqual([from, true, true]);
      pass(1_000);
      expect(from === 'a' ? b.streaming : a.peerAttached).toBe(false);
      network.mend([loss]);
      pass(500);
      expect([from, a.peerAttached, b.streaming]).toEqual([from, true, true]);
    }
  });

  test('carries data to the standby whose answers are lost, and the commit waits until they are not', () => {
    const { a, b, network, pass } = pairOf();
    const loss = network.lose('stream', 'b');
    const outcome = commit(a, 'k1');
    pass(500);
    expect([outcome.told, b.holds('k1')]).toEqual(['nothing', true]);
    network.mend([loss]);
    pass(100);
    expect(outcome.told).toBe('acknowledged');
  });

  test('is heard to end at once when a process dies, and not when its machine is cut off', () => {
    const died = pairOf();
    died.a.die();
    died.pass(20);
    expect(died.b.streaming).toBe(false);
    const cut = pairOf();
    cut.network.cut();
    cut.a.die();
    cut.pass(1_000);
    expect(cut.b.streaming).toBe(true);
  });

  test('lets a standby in that has passed the end of its timeline, and believes its position', () => {
    const { a, b, network, pass } = pairOf();
    network.cut();
    pass(2_500);
    for (let count = 0; count < 5; count += 1) b.mark('bulk');
    a.mark('promoted');
    network.heal();
    let believed = 0;
    for (let count = 0; count < 400; count += 1) {
      pass(moveMs);
      believed = Math.max(believed, a.peerFlush);
    }
    expect(believed).toBe(6);
    expect(b.holds('promoted')).toBe(false);
  });
});

test('a promotion waits for what a reader keeps from being replayed', () => {
  const { a, b, pass } = pairOf();
  b.trouble.replayBlocked = true;
  commit(a, 'k1');
  pass(100);
  expect([b.replayed, b.log.length]).toEqual([1, 2]);
  b.trouble.replayBlocked = false;
  pass(50);
  expect(b.replayed).toBe(2);
});
