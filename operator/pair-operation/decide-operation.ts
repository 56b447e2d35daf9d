import type { FailoverPair } from '#lib/api/failoverpair.gen.ts';
import type { PairOperation } from '#lib/api/pairoperation.gen.ts';
import { parseDurationMs } from '#lib/base/duration.ts';
import { unreachable } from '#lib/base/invariant.ts';
import { beginPause, followPause } from './decide-pause.ts';
import { beginReinitialize, followReinitialize } from './decide-reinitialize.ts';
import { beginTakeover, followTakeover } from './decide-takeover.ts';
import { refuse } from './operation-decision.ts';
import type { OperationDecision } from './operation-decision.ts';
import type { OperationView } from './operation-view.ts';

const lookAgainMs = 5_000;

/** What to do about one thing that a person, or a schedule of drills, asks of a pair. */
export function decideOperation(view: OperationView): OperationDecision {
  const { operation, nowMs } = view;
  const { status, spec } = operation;
  if (isFinished(operation)) return afterwards(operation, nowMs);
  if (status?.startedAt !== undefined) return follow(view);
  if (nowMs > Date.parse(spec.notAfter)) return { do: 'fail', reason: 'Expired', why: `it had not begun by ${spec.notAfter}` };
  if (view.pair === undefined) return wait(`there is no FailoverPair ${spec.pairRef.name} yet`, view);
  if (view.pair.metadata.deletionTimestamp !== undefined) return refuse(`the pair ${spec.pairRef.name} is being deleted`);
  const [first] = view.before;
  if (first !== undefined) return wait(`${first} came first and is not finished`, view);
  return begin(view, view.pair);
}

export function isFinished({ status }: PairOperation): boolean {
  return status?.conditions?.some(({ type, status: is }) => (type === 'Complete' || type === 'Failed') && is === 'True') ?? false;
}

function begin(view: OperationView, pair: FailoverPair): OperationDecision {
  const { type } = view.operation.spec;
  switch (type) {
    case 'Switchover':
    case 'KillPrimary':
      return beginTakeover(view);
    case 'Reinitialize':
      return beginReinitialize(view);
    case 'Pause':
    case 'Resume':
      return beginPause(view, pair);
    default:
      return unreachable(type);
  }
}

function follow(view: OperationView): OperationDecision {
  const { type } = view.operation.spec;
  switch (type) {
    case 'Switchover':
    case 'KillPrimary':
      return followTakeover(view);
    case 'Reinitialize':
      return followReinitialize(view);
    case 'Pause':
    case 'Resume':
      return followPause(view);
    default:
      return unreachable(type);
  }
}

function afterwards({ spec, status }: PairOperation, nowMs: number): OperationDecision {
  const ttlMs = parseDurationMs(spec.ttlAfterFinished) ?? Infinity;
  const leftMs = Date.parse(status?.completedAt ?? '') + ttlMs - nowMs;
  if (leftMs <= 0) return { do: 'remove' };
  return { do: 'wait', why: '', againMs: Number.isFinite(leftMs) ? Math.min(leftMs, longestMs) : longestMs };
}

/** A timer of a day at most: what is further away is looked at again then. */
const longestMs = 86_400_000;

function wait(why: string, { operation, nowMs }: OperationView): OperationDecision {
  const leftMs = Date.parse(operation.spec.notAfter) - nowMs + 1_000;
  return { do: 'wait', why, againMs: Math.min(Math.max(leftMs, 1_000), lookAgainMs) };
}
