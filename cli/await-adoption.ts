import type { FailoverPairStatusMember } from '#lib/api/failoverpair.gen.ts';
import type { Clock } from '#lib/base/clock.ts';
import { explainFailover } from '#lib/pair/explain.ts';
import { adoptionErrors } from './adopt.ts';
import { pairFactsOf } from './pair-seen.ts';
import type { PairSeen } from './pair-seen.ts';

/** What waiting for the operator and for the members takes. */
export interface WaitPorts {
  readonly read: () => Promise<PairSeen>;
  readonly clock: Clock;
  readonly progress: (line: string) => void;
}

const lookEveryMs = 500;
/** The operator renews the positions every ten seconds while it sees that the record is lost. */
const comparedMaxMs = 45_000;
/** Members look for the record every two seconds; a rewind or a copy takes its time, and is not waited for longer. */
const obeyedMaxMs = 120_000;

/**
 * Waits until the operator has told the positions of every member it hears once more than now: so they are fresh, whatever the clocks
 * say, and the operator runs. A record that is not lost needs no comparison.
 *
 * @throws HK_ADOPTION_REFUSED  when that does not happen in time.
 */
export async function awaitComparison({ read, clock, progress }: WaitPorts, signal: AbortSignal): Promise<PairSeen> {
  const begunMs = clock.nowMs();
  let seen = await read();
  const before = positionsOf(seen);
  let told = false;
  for (;;) {
    const lost = explainFailover(pairFactsOf(seen)).blockedBy === 'RecordLost';
    const direct = (seen.pair.status?.members ?? []).filter(({ heard }) => heard === 'Directly');
    const fresh = direct.every(({ name, position }) => position !== undefined && position.seenAt !== before.get(name));
    if (!lost || (direct.length > 0 && fresh)) return seen;
    if (clock.nowMs() - begunMs > comparedMaxMs) {
      throw adoptionErrors.HK_ADOPTION_REFUSED('the operator does not tell how far the members are: does it run, and does it reach them?');
    }
    if (!told) progress('waiting until the operator has compared both members, which it does every ten seconds');
    told = true;
    await clock.sleep(lookEveryMs, signal);
    seen = await read();
  }
}

function positionsOf({ pair }: PairSeen): ReadonlyMap<string, string | undefined> {
  return new Map((pair.status?.members ?? []).map(({ name, position }: FailoverPairStatusMember) => [name, position?.seenAt]));
}

/** How far the pair came under its new record. */
export interface Obeyed {
  readonly synchronous: boolean;
  /** The chosen member was seen to lead under the record, and to acknowledge commits. */
  readonly serving: boolean;
  /** The member that is not heard, for which nothing can be waited. */
  readonly missing: string | undefined;
}

/**
 * Waits until the pair is synchronous under the new record, and tells each change on the way. Once clients are served it waits no longer
 * for a member that nobody hears.
 */
export async function awaitSync(
  { epoch, primary }: { readonly epoch: number; readonly primary: string },
  { read, clock, progress }: WaitPorts,
  signal: AbortSignal,
): Promise<Obeyed> {
  const begunMs = clock.nowMs();
  let told = '';
  let served = false;
  for (;;) {
    const { pair, record } = await read();
    const { members = [] } = pair.status ?? {};
    const obeying = members.filter(({ knows }) => (knows?.epoch ?? 0) >= epoch).map(({ name }) => name);
    if (record?.spec.mode === 'Sync' && record.spec.epoch >= epoch) return { synchronous: true, serving: true, missing: undefined };
    const steps = members.map(({ name, step }) => `${name}: ${step ?? '-'}`).join('; ');
    const line = obeying.length === 0 ? 'no member has taken the record yet' : `the record is obeyed by ${obeying.join(' and ')}; ${steps}`;
    if (line !== told) progress(line);
    told = line;
    const missing = members.find(({ name, heard }) => name !== primary && (heard === undefined || heard === 'NotHeard'))?.name;
    if (!served && members.some((member) => isServing(member, primary, epoch))) {
      served = true;
      progress(`clients are served again, by ${primary}; what is left goes on by itself, so Ctrl-C is safe`);
    }
    if (clock.nowMs() - begunMs > obeyedMaxMs || (served && missing !== undefined)) return { synchronous: false, serving: served, missing };
    await clock.sleep(lookEveryMs, signal);
  }
}

/** Whether the member leads under the record and its commits are acknowledged. */
function isServing({ name, role, postgresql, waitsFor, knows }: FailoverPairStatusMember, primary: string, epoch: number): boolean {
  const leads = name === primary && role === 'Primary' && postgresql === 'Running' && (knows?.epoch ?? 0) >= epoch;
  return leads && (waitsFor === 'Nobody' || waitsFor === 'Peer');
}
