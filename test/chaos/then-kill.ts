import { setTimeout as sleep } from 'node:timers/promises';
import type { MemberStatus } from '#agents/member/contract.ts';
import type { FailoverVerdict } from '#lib/pair/explain.ts';
import { eventually } from '../cluster/eventually.ts';
import { other, takenOverBy, waits } from '../pair/watch-pair.ts';
import type { Name } from '../pair/watch-pair.ts';
import type { PairStand } from '../pair/pair-stand.ts';
import type { ChaosPair } from './chaos-pair.ts';
import { foretell } from './foretell.ts';

/** A verdict that has not changed for so long is no snapshot of a change under way. */
const steadyMs = 1_000;
const lookEveryMs = 100;
/** How often a change of the record may come between what is foretold and the kill. */
const holdsMax = 5;
/** For so long nobody may take over where nobody was said to: several times what a take-over needs. */
const observedMs = 6_000;

type StatusOf = (name: Name) => Promise<MemberStatus>;

/** What was said, and what came of it, both in words. */
export interface LeaderKilled {
  readonly foretold: FailoverVerdict;
  readonly expected: string;
  readonly outcome: string;
}

interface Told {
  readonly verdict: FailoverVerdict;
  readonly leader: Name;
  readonly epoch: number;
  /** Of the record that this was said of. */
  readonly sequence: number;
}

/**
 * Kills the machine of whoever leads, as the pair stands now, and holds what `explain` said against what happens. Nothing that is hurt is
 * undone meanwhile.
 *
 * @returns undefined where nobody leads whom one could kill.
 */
export async function killLeader({ stand, machines }: ChaosPair): Promise<LeaderKilled | undefined> {
  const read = async (): Promise<Told | undefined> => {
    const verdict = await foretell(stand);
    const led = await leaderOf((name) => stand.status(name));
    return led === undefined ? undefined : { verdict, ...led };
  };
  const told = await heldStill(read, async ({ leader, sequence }) => {
    machines[leader].member.agent?.signal('SIGSTOP');
    const held = await recordOf((name) => stand.status(name), [other(leader)]);
    if (held === undefined || held.sequence <= sequence) return true;
    machines[leader].member.agent?.signal('SIGCONT');
    return false;
  });
  if (told === undefined) return undefined;
  const { verdict, leader, epoch } = told;
  const heir = other(leader);
  await machines[leader].member.killMember();
  const took = verdict.takesOver ? await comesTrue(takenOverBy(stand, heir, epoch)) : await serves(stand, heir);
  // What a scenario undoes may need both members.
  await machines[leader].member.startAgent().catch(() => undefined);
  return { foretold: verdict, expected: inWords(verdict.takesOver, verdict.blockedBy), outcome: inWords(took, verdict.blockedBy) };
}

const inWords = (takesOver: boolean, blockedBy = ''): string => (takesOver ? 'takes over' : `nobody ${blockedBy}`.trim());

const comesTrue = (task: Promise<unknown>): Promise<boolean> =>
  task.then(
    () => true,
    () => false,
  );

/** Whether a member serves at any moment while it is observed. */
async function serves(stand: PairStand, name: Name): Promise<boolean> {
  const endMs = performance.now() + observedMs;
  while (performance.now() < endMs) {
    const status = await stand.status(name).catch(() => undefined);
    if (status?.serving === true) return true;
    await sleep(lookEveryMs);
  }
  return false;
}

/** The newest record that these members know. */
async function recordOf(statusOf: StatusOf, names: readonly Name[]): Promise<MemberStatus['record']> {
  const statuses = await Promise.all(names.map((name) => statusOf(name).catch(() => undefined)));
  return statuses.flatMap((status) => status?.record ?? []).toSorted((one, two) => two.sequence - one.sequence)[0];
}

/** Who leads by the newest record that either member knows, if its PostgreSQL leads indeed. */
async function leaderOf(statusOf: StatusOf): Promise<{ leader: Name; epoch: number; sequence: number } | undefined> {
  const newest = await recordOf(statusOf, ['a', 'b']);
  if (newest === undefined || (newest.mode !== 'sync' && newest.mode !== 'solo')) return undefined;
  const { primary, epoch, sequence } = newest;
  return primary === 'a' || primary === 'b' ? { leader: primary, epoch, sequence } : undefined;
}

/**
 * What is foretold of a state that stays until the kill: a copy that ends just then would make another state of it, and what was said would
 * be held against the wrong one.
 *
 * @param hold  Keeps the leader from changing the record; false, and undone, where it had changed before.
 */
async function heldStill(read: () => Promise<Told | undefined>, hold: (told: Told) => Promise<boolean>): Promise<Told | undefined> {
  for (let time = 0; time < holdsMax; time += 1) {
    const told = await steady(read);
    if (told === undefined || (await hold(told))) return told;
  }
  throw new Error(`the record changed ${holdsMax} times between what was foretold and the kill`);
}

/** Reads until the same was read for a while. */
async function steady(read: () => Promise<Told | undefined>): Promise<Told | undefined> {
  const wordsOf = (told: Told | undefined): string =>
    JSON.stringify([told?.verdict.takesOver, told?.verdict.blockedBy, told?.leader, told?.epoch]);
  let last = await read();
  let sinceMs = performance.now();
  return (
    await eventually(
      'what is foretold stays the same',
      async () => {
        const now = await read();
        if (wordsOf(now) !== wordsOf(last)) sinceMs = performance.now();
        last = now;
        return performance.now() - sinceMs >= steadyMs && { told: now };
      },
      waits,
    )
  ).told;
}
