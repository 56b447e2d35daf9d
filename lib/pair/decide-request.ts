import { canAdmit } from './admission.ts';
import { decideClaim } from './decide-claim.ts';
import { decideDegrade } from './decide-degrade.ts';
import { decideOperation, endsEarly } from './decide-operation.ts';
import { answerWantedSince } from './hears-arbiter.ts';
import { awakeMs, recordOf } from './member-state.ts';
import type { MemberState } from './member-state.ts';
import { admit, claim, degrade, found, identify, newRecord, open, settled, takeBack } from './pair-record.ts';
import type { PairRecord } from './pair-record.ts';

/** What to ask of the arbiter next. `none` says why nothing is asked. */
export type RequestDecision =
  | { readonly do: 'none'; readonly why: string }
  | { readonly do: 'read' }
  | { readonly do: 'create'; readonly next: PairRecord }
  | { readonly do: 'settle'; readonly next: PairRecord }
  | { readonly do: 'swap'; readonly next: PairRecord; readonly why: string };

const none = (why: string): RequestDecision => ({ do: 'none', why });

/**
 * The arbiter's lane: one request at a time; first know, then settle, only then change (rule 2).
 */
export function decideRequest(state: MemberState): RequestDecision {
  const { arbiter } = state;
  const now = awakeMs(state);
  // A read changes nothing, so a change that is called for meanwhile takes its place, and its answer is dropped when it comes.
  const reading = arbiter.request?.kind === 'read';
  if (arbiter.request !== undefined && !reading) return none('a request is under way');
  if (now < arbiter.retryAtMs) return none('waiting before the next attempt');
  const record = recordOf(state);
  const pollDue = now - arbiter.readMs >= state.limits.recordPollMs;
  if (arbiter.frozen !== undefined) return pollDue && !reading ? { do: 'read' } : none('frozen until a person acts');
  if (record === undefined) {
    if (reading) return none('a request is under way');
    if (!arbiter.vacant) return { do: 'read' };
    if (mayCreate(state)) return { do: 'create', next: { ...newRecord, author: state.self } };
    return pollDue ? { do: 'read' } : none('no record yet, until both members confirm that they hold no data');
  }
  if (!arbiter.settled || decideOperation(state).do === 'settleFirst') return { do: 'settle', next: settled(record) };
  const wantedSinceMs = answerWantedSince(state);
  const change = decideTransition(state, record, wantedSinceMs === undefined);
  if (change !== undefined) return { do: 'swap', next: change, why: change.reason };
  // A read that was sent before may hang with the connection it was sent on.
  if (wantedSinceMs !== undefined && (arbiter.request?.sentMs ?? Number.NEGATIVE_INFINITY) < wantedSinceMs) return { do: 'read' };
  if (reading) return none('a request is under way');
  const newer = (state.peerView.heartbeat?.record?.sequence ?? 0) > record.sequence;
  return newer || pollDue ? { do: 'read' } : none('nothing to change');
}

/**
 * The one change of the record that the member's own state calls for, or undefined.
 *
 * @param mayTrustSilence  The arbiter has answered since the peer fell silent, so that it is not this member that is deaf.
 */
function decideTransition(state: MemberState, record: PairRecord, mayTrustSilence: boolean): PairRecord | undefined {
  const mine = record.primary === state.self;
  const change = (reason: string): { readonly author: string; readonly reason: string } => ({ author: state.self, reason });
  const { postgres } = state;
  switch (record.mode) {
    case 'new':
      return mayFound(state) ? found(record, change('first start: both members confirmed that they hold no data')) : undefined;
    case 'solo':
      if (!mine) return undefined;
      if (record.systemIdentifier === undefined && postgres.data === 'complete' && postgres.systemIdentifier !== undefined) {
        return identify(record, postgres.systemIdentifier, change('data initialised'));
      }
      return isAdmitted(state) ? admit(record, change('the standby streams and has everything')) : undefined;
    case 'sync': {
      if (mine) {
        const verdict = decideDegrade(state);
        return verdict.do === 'degrade' && mayTrustSilence ? degrade(record, change(verdict.why)) : undefined;
      }
      const verdict = decideClaim(state);
      const mayClaim = verdict.do === 'claim' && (verdict.reason !== 'silence' || mayTrustSilence);
      return mayClaim ? claim(record, change(verdict.why), state.peerView.committed) : undefined;
    }
    case 'claim': {
      const behindGate = postgres.process === 'running' && postgres.role === 'primary' && postgres.names === 'gate';
      if (!behindGate || state.operation !== undefined) return undefined;
      if (state.logSuspicion !== undefined || endsEarly(state)) return undefined;
      if (mine) return open(record, change('promoted behind the gate'));
      return postgres.data === 'complete' && state.provenBehindGate
        ? takeBack(record, change('the claimant was not heard or made no progress'))
        : undefined;
    }
  }
}

/** An admission that nothing has touched since it was proven. */
function isAdmitted(state: MemberState): boolean {
  return state.admitted && state.operation === undefined && state.postgres.names === 'peer' && canAdmit(state);
}

/** Both members must say, under the record as it was created, that they hold no data; then the founder starts. */
function mayFound(state: MemberState): boolean {
  return holdNothing(state) && state.peerView.heartbeat?.record?.mode === 'new';
}

/** The same before there is a record: whoever knows of one, or holds data, was in a pair that had one. The founder alone creates it. */
function mayCreate(state: MemberState): boolean {
  const { heartbeat } = state.peerView;
  return holdNothing(state) && heartbeat?.record === undefined && heartbeat?.standing?.frozen !== true;
}

/** Whether this is the founder, and hears the other member say that it holds no data either. */
function holdNothing(state: MemberState): boolean {
  const { heartbeat, link } = state.peerView;
  const heard = link === 'connected' && awakeMs(state) - state.peerView.heardMs < state.limits.suspectAfterMs;
  return state.self === state.founder && state.postgres.data === 'empty' && heard && heartbeat?.data === 'empty';
}
