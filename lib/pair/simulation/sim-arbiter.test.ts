import { expect, test } from 'vitest';
import { seededRandom } from '#lib/base/random.ts';
import type { ArbiterAnswer } from '../events.ts';
import { settled } from '../pair-record.ts';
import { Schedule } from './schedule.ts';
import { requestTimeoutMs, SimArbiter } from './sim-arbiter.ts';

const seeds = Array.from({ length: 60 }, (_, seed) => seed);

function arbiterOf(seed: number, vacancy = false): { readonly arbiter: SimArbiter; readonly schedule: Schedule } {
  const schedule = new Schedule(seededRandom(seed));
  return { schedule, arbiter: new SimArbiter(schedule, { broken: undefined, vacancy }, () => undefined) };
}

function runAll(schedule: Schedule, untilMs = 60_000): void {
  while (schedule.runNext(untilMs));
}

/** Asks for one change, does something to the arbiter while it is under way, and tells what was carried out and what was answered. */
function change(seed: number, meanwhile: (arbiter: SimArbiter) => void, how: { reach?: 'late'; slow?: true } = {}): string {
  const { arbiter, schedule } = arbiterOf(seed);
  arbiter.slow = how.slow ?? false;
  const reach = how.reach ?? 'yes';
  const answers: { readonly kind: ArbiterAnswer['kind']; readonly atMs: number }[] = [];
  arbiter.swap(reach, arbiter.seen, settled(arbiter.record), false, ({ kind }) => answers.push({ kind, atMs: schedule.nowMs }));
  meanwhile(arbiter);
  runAll(schedule);
  const [answer] = answers;
  expect(answers).toHaveLength(1);
  expect(answer?.atMs).toBeLessThanOrEqual(requestTimeoutMs);
  return `${arbiter.version === 1 ? 'lost' : 'carried out'}, ${answer?.kind ?? ''}`;
}

test('a restart loses requests under way or carries them out, and answers none', () => {
  const seen = new Set(seeds.map((seed) => change(seed, (arbiter) => arbiter.restart(500))));
  expect(seen).toEqual(new Set(['lost, failed', 'carried out, failed']));
});

test('during an outage nothing is carried out, and afterwards it answers again', () => {
  const { arbiter, schedule } = arbiterOf(1);
  arbiter.restart(5_000);
  const kinds: string[] = [];
  arbiter.read('yes', ({ kind }) => kinds.push(kind));
  schedule.after(5_001, () => arbiter.read('yes', ({ kind }) => kinds.push(kind)));
  runAll(schedule);
  expect(kinds).toEqual(['failed', 'current']);
});

test('a slow one answers in time, or was given up and carried the request out all the same', () => {
  const seen = new Set(seeds.map((seed) => change(seed, () => undefined, { slow: true })));
  expect(seen).toEqual(new Set(['carried out, won', 'carried out, failed']));
});

test('requests of one member overtake each other while it is slow', () => {
  const overtakes = seeds.some((seed) => {
    const { arbiter, schedule } = arbiterOf(seed);
    arbiter.slow = true;
    const kinds: string[] = [];
    arbiter.read('yes', (answer) => kinds.push(answer.kind === 'current' ? `read ${answer.seen.version}` : answer.kind));
    arbiter.swap('yes', arbiter.seen, settled(arbiter.record), false, ({ kind }) => kinds.push(kind));
    runAll(schedule);
    return kinds.includes('read 2');
  });
  expect(overtakes).toBe(true);
});

test('a late request is carried out though nobody is told, unless the record has moved on', () => {
  expect(new Set(seeds.map((seed) => change(seed, () => undefined, { reach: 'late' })))).toEqual(new Set(['carried out, failed']));
  const { arbiter, schedule } = arbiterOf(3);
  const next = { ...settled(arbiter.record), reason: 'late' };
  arbiter.swap('late', arbiter.seen, next, false, () => undefined);
  arbiter.write(settled(arbiter.record));
  runAll(schedule);
  expect(arbiter.record.reason).not.toBe('late');
});

test('where members create the record, a missing one looks like one that never was', () => {
  const kinds: string[] = [];
  for (const vacancy of [true, false]) {
    const { arbiter, schedule } = arbiterOf(1, vacancy);
    arbiter.absent = true;
    arbiter.read('yes', ({ kind }) => kinds.push(kind));
    runAll(schedule);
  }
  expect(kinds).toEqual(['vacant', 'absent']);
});
