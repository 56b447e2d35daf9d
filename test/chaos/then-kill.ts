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
/** For so long nobody may take over where nobody was said to: several times what a take-over needs. */
const observedMs = 6_000;

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
  const told = await steady(read);
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

/** Who leads by the newest record that either member knows, if its PostgreSQL leads indeed. */
async function leaderOf(statusOf: (name: Name) => Promise<MemberStatus>): Promise<{ leader: Name; epoch: number } | undefined> {
  const both = await Promise.all((['a', 'b'] as const).map((name) => statusOf(name).catch(() => undefined)));
  const records = both.flatMap((status) => status?.record ?? []);
  const newest = records.toSorted((one, two) => two.sequence - one.sequence)[0];
  if (newest === undefined || (newest.mode !== 'sync' && newest.mode !== 'solo')) return undefined;
  return newest.primary === 'a' || newest.primary === 'b' ? { leader: newest.primary, epoch: newest.epoch } : undefined;
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
