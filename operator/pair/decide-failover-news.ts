import { adopted } from './decide-failovers.ts';
import { failoverPhases } from '#agents/member/contract.ts';
import type { FailoverPairStatus, FailoverPairStatusHistory, FailoverPairStatusLastFailover } from '#lib/api/failoverpair.gen.ts';

/** One change of the leader as an event of the pair. */
export interface FailoverNews {
  readonly type: 'Normal' | 'Warning';
  readonly reason: 'SwitchedOver' | 'DrillTakenOver' | 'FailedOver' | 'TakenBack' | 'Adopted';
  readonly action: 'Failover';
  readonly note: string;
}

/** What is older is history that a new operator reads, and no news. */
const freshMs = 3_600_000;

/**
 * The changes of the leader that were not told before, the oldest first. What somebody asked for is Normal: a switchover, and a take-over
 * from a primary that was killed for a drill. That a record had to be written anew is no failover, and nobody's drill.
 *
 * @param drills  Epochs that begin with a drill, when it goes well.
 */
export function decideFailoverNews(
  before: FailoverPairStatus | undefined,
  after: FailoverPairStatus,
  drills: ReadonlySet<number>,
  nowMs: number,
): readonly FailoverNews[] {
  const told = new Set(before?.history?.map(({ epoch }) => epoch));
  const fresh = (after.history ?? []).filter(({ epoch, completedAt }) => !told.has(epoch) && nowMs - Date.parse(completedAt) < freshMs);
  return fresh.toReversed().map((entry) => {
    const whole = after.lastFailover?.epoch === entry.epoch ? after.lastFailover : undefined;
    return { ...kindOf(entry, drills), action: 'Failover', note: noteOf(entry, whole) };
  });
}

function kindOf({ epoch, reason }: FailoverPairStatusHistory, drills: ReadonlySet<number>): Pick<FailoverNews, 'type' | 'reason'> {
  if (reason === 'Switchover') return { type: 'Normal', reason: 'SwitchedOver' };
  if (reason === adopted) return { type: 'Warning', reason: adopted };
  if (reason === 'TakeBack') return { type: 'Warning', reason: 'TakenBack' };
  return drills.has(epoch) ? { type: 'Normal', reason: 'DrillTakenOver' } : { type: 'Warning', reason: 'FailedOver' };
}

/** Who leads instead of whom and why, how long nobody could write, every phase, and the positions. */
function noteOf(entry: FailoverPairStatusHistory, whole: FailoverPairStatusLastFailover | undefined): string {
  const { epoch, reason = 'Unreported', from = 'nobody', to = 'nobody', writeOutageMs } = entry;
  // A record may be written anew for the member that leads.
  const leads =
    reason === adopted && entry.from === undefined ? `leads on in epoch ${epoch}` : `leads in epoch ${epoch} instead of ${from}`;
  const { message, phases, positionAcknowledged, positionAtClaim, positionAtOpen } = whole ?? {};
  const spans = failoverPhases.flatMap((phase) => (phases?.[phase] === undefined ? [] : [`${phase} ${phases[phase]} ms`]));
  const positions = [
    ['acknowledged up to', positionAcknowledged],
    ['claimed at', positionAtClaim],
    ['open at', positionAtOpen],
  ].flatMap(([word, position]) => (position === undefined ? [] : [`${word} ${position}`]));
  return [
    `${to} ${leads}: ${reason}${message === undefined ? '' : `, ${message}`}`,
    ...(writeOutageMs === undefined ? [] : [`${writeOutageMs} ms without an acknowledged write`]),
    ...(spans.length === 0 ? [] : [spans.join(', ')]),
    ...(positions.length === 0 ? [] : [positions.join(', ')]),
  ].join('; ');
}
