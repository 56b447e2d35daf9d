import { settled } from '../pair-record.ts';
import type { PairRecord } from '../pair-record.ts';
import type { World } from './world.ts';

/** An adopted record is this much ahead, so that it is newer than any change that nobody has seen. */
const sequenceLead = 10;
const epochLead = 2;

/** Pauses or resumes automatic failover; each member hears of it when it can, at its next start at the latest. */
export function pausePair(world: World, paused: boolean): void {
  world.paused = paused;
  for (const member of world.members) world.schedule.after(world.schedule.between(1, 400), () => member.send({ on: 'paused', paused }));
}

/** Deletes the record. One that nobody has led by yet is only made anew, which is no decision. */
export function deleteRecord(world: World): boolean {
  if (world.truth.systemIdentifier === undefined || world.arbiter.absent) return false;
  world.arbiter.absent = true;
  return true;
}

/** Puts back an older record, as a restored backup would: older than what both members have seen, or neither could tell. */
export function setRecordBack(world: World, coin: number): boolean {
  const { history, absent } = world.arbiter;
  const led = history.filter(({ systemIdentifier, sequence }) => systemIdentifier !== undefined && sequence < world.truth.sequence);
  const older = led[Math.floor((led.length * coin) / 100)];
  if (older === undefined || absent || mustAdopt(world)) return false;
  if (!world.members.every(({ newest }) => newest !== undefined && newest.sequence > older.sequence)) return false;
  world.arbiter.write(older);
  world.note(`record set back to ${older.mode} ${older.primary ?? ''} epoch ${older.epoch}`);
  return true;
}

/** Whether the members wait for a person: what they have led by is gone, or something older stands there. */
function mustAdopt({ arbiter, truth, members }: World): boolean {
  if (truth.systemIdentifier === undefined) return false;
  return arbiter.absent || arbiter.record !== truth || members.some(({ state }) => state?.arbiter.frozen !== undefined);
}

/**
 * Writes the record anew after comparing both members: the leader by the newest record that either has ever read leads alone. Where that
 * record says that both members have everything, either would do, and one without its proof, or whose log does not hold that of the other, is
 * passed over.
 */
/** The reason that a record bears which was adopted. */
export const adoptedBecause = 'adopted after comparing both members';

function adoptRecord(world: World): void {
  const known = world.members.flatMap(({ newest }) => (newest === undefined ? [] : [newest]));
  const last = known.reduce<PairRecord | undefined>(
    (best, one) => (best === undefined || one.sequence > best.sequence ? one : best),
    undefined,
  );
  if (last?.primary === undefined) return;
  const both = last.mode !== 'solo';
  const { primary } = last;
  const other = world.member(primary).peerName;
  const { proof, cutShort } = world.member(primary).postgres;
  const leader = both && (!proof || cutShort) ? other : primary;
  const record: PairRecord = {
    ...settled(last),
    sequence: last.sequence + sequenceLead,
    epoch: last.epoch + epochLead,
    mode: 'solo',
    primary: leader,
    systemIdentifier: world.truth.systemIdentifier,
    acknowledged: undefined,
    marks: undefined,
    reason: adoptedBecause,
    author: 'operator',
  };
  world.arbiter.write(record);
  world.adopted(record);
}

/** Between two looks of the person at what the members report, once the record was touched. */
const lookEveryMs = 3_000;

/** Adopts the record if the members wait for it, and looks again: a member may find out late that it is not the one it knows. */
export function adoptLost(world: World): void {
  if (mustAdopt(world)) adoptRecord(world);
  if (world.recordWatched) return;
  world.recordWatched = true;
  const look = (): void => {
    if (world.healed && mustAdopt(world)) adoptRecord(world);
    world.schedule.after(lookEveryMs, look);
  };
  world.schedule.after(lookEveryMs, look);
}
