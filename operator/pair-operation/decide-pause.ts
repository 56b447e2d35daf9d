import type { FailoverPair } from '#lib/api/failoverpair.gen.ts';
import { pausedByAnnotation } from '../pair/pair-names.ts';
import { abort, refuse, run, sinceStartMs } from './operation-decision.ts';
import type { OperationDecision } from './operation-decision.ts';
import type { OperatedMember, OperationView } from './operation-view.ts';

/** Members take new settings within seconds. */
const settingsMaxMs = 120_000;

/** Whether a Pause or Resume may begin: nearly always. */
export function beginPause({ operation }: OperationView, pair: FailoverPair): OperationDecision {
  if (operation.spec.type === 'Resume' && pair.spec.paused) {
    return refuse('spec.paused of the pair is true, and an operation does not change a spec: set it to false');
  }
  return { do: 'start', note: operation.spec.type === 'Pause' ? 'no failover from now on' : 'failover again from now on' };
}

/** Marks the pair, and waits until both members have the settings that are made from the mark. */
export function followPause(view: OperationView): OperationDecision {
  const { operation, pair, members } = view;
  const paused = operation.spec.type === 'Pause';
  const sinceMs = sinceStartMs(view);
  if (pair === undefined) return abort('the pair is gone');
  const isMarked = pair.metadata.annotations?.[pausedByAnnotation] !== undefined;
  if (isMarked !== paused) {
    if (sinceMs > settingsMaxMs) return abort('the mark of the pair could not be set, or somebody took it back');
    return { do: 'mark', paused };
  }
  const open = members.filter((member) => !hasTaken(member, paused)).map(({ name }) => name);
  if (open.length === 0) return { do: 'complete', why: paused ? 'both members make no failover' : 'both members may fail over again' };
  const names = open.join(' and ');
  if (sinceMs > settingsMaxMs) return abort(`it is not confirmed by ${names}; the wish stands and reaches whoever comes back`);
  return run('Settings', `not confirmed yet by ${names}`);
}

function hasTaken({ status, held }: OperatedMember, paused: boolean): boolean {
  return held?.paused === paused && status?.settingsRevision === held.revision;
}
