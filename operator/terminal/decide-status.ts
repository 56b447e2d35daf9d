import type { TerminalStatus } from '#lib/api/terminal.gen.ts';
import { setCondition } from '#lib/kube/conditions.ts';
import type { Condition } from '#lib/kube/conditions.ts';
import { kubeTime } from '#lib/kube/time.ts';
import { refusalsOf } from './decide-refusal.ts';
import type { TerminalStatement } from './terminal-conditions.ts';
import type { TerminalView } from './terminal-view.ts';

/** The part that follows from the spec, and the part that the feed tells: the second is paced. */
export interface TerminalStatusParts {
  readonly settled: Pick<TerminalStatus, 'observedGeneration' | 'conditions'>;
  readonly seen: Pick<TerminalStatus, 'state' | 'since' | 'agentVersion' | 'channel'>;
}

export function decideStatus(view: TerminalView): TerminalStatusParts {
  const { terminal, sight, nowWallMs } = view;
  const { generation } = terminal.metadata;
  const seen = sight === undefined ? lastSeen(view) : seenNow(sight);
  if (view.undecided && isEnrolled(terminal)) {
    const { observedGeneration, conditions = [] } = terminal.status ?? {};
    return { settled: { ...(observedGeneration === undefined ? {} : { observedGeneration }), conditions }, seen };
  }
  const statements = [readiness(view), enrolment(view), ...devices(view)];
  // A condition that nobody states any more goes.
  const before = ((terminal.status?.conditions ?? []) as readonly Condition[]).filter(({ type }) =>
    statements.some((statement) => statement.type === type),
  );
  const conditions = statements.reduce<readonly Condition[]>(
    (all, statement) => setCondition(all, { ...statement, observedGeneration: generation }, nowWallMs),
    before,
  );
  return { settled: { observedGeneration: generation, conditions }, seen };
}

function isEnrolled({ status }: TerminalView['terminal']): boolean {
  return status?.conditions?.some(({ type, status: is }) => type === 'Enrolled' && is === 'True') ?? false;
}

function seenNow({ state, sinceMs, agentVersion, channel }: NonNullable<TerminalView['sight']>): TerminalStatusParts['seen'] {
  return {
    state,
    // The hall gives no time for a terminal that it has never watched.
    ...(sinceMs > 0 ? { since: kubeTime(sinceMs) } : {}),
    ...(agentVersion === '' ? {} : { agentVersion }),
    ...(channel === '' ? {} : { channel }),
  };
}

function lastSeen({ terminal }: TerminalView): TerminalStatusParts['seen'] {
  const { state, since, agentVersion, channel } = terminal.status ?? {};
  return {
    ...(state === undefined ? {} : { state }),
    ...(since === undefined ? {} : { since }),
    ...(agentVersion === undefined ? {} : { agentVersion }),
    ...(channel === undefined ? {} : { channel }),
  };
}

function readiness(view: TerminalView): TerminalStatement {
  const { terminal, hall, certificate, secretProblem } = view;
  const { name } = terminal.spec.hallRef;
  const problems = refusalsOf(terminal, hall);
  const not = (reason: 'SpecRefused' | 'HallMissing' | 'HallNotReady' | 'SecretUnusable', why: readonly string[]): TerminalStatement => ({
    type: 'Ready',
    status: 'False',
    reason,
    message: why.join('; '),
  });
  if (hall === undefined)
    return not('HallMissing', [`there is no Hall ${name} in this namespace: create it, or make this Terminal anew`, ...problems]);
  if (secretProblem !== undefined) return not('SecretUnusable', [secretProblem, ...problems]);
  if (certificate === undefined)
    return not('HallNotReady', [`the Hall ${name} has no pair that serves it: see its condition Ready`, ...problems]);
  if (problems.length > 0) return not('SpecRefused', problems);
  return { type: 'Ready', status: 'True', reason: 'Enrolled', message: `the terminal belongs to the Hall ${name}` };
}

function enrolment({ certificate }: TerminalView): TerminalStatement {
  if (certificate === undefined) return { type: 'Enrolled', status: 'False', reason: 'Waiting', message: 'see the condition Ready' };
  const until = kubeTime(certificate.notAfterMs);
  return {
    type: 'Enrolled',
    status: 'True',
    reason: 'CertificateIssued',
    message: `the Secret ${certificate.secret} holds the certificate, valid until ${until}`,
  };
}

/** Stated only where devices are listed: a condition about nothing would say less than none. */
function devices({ terminal }: TerminalView): readonly TerminalStatement[] {
  if ((terminal.spec.devices ?? []).length === 0) return [];
  const message = 'agents of this release do not report devices; the list is kept for people';
  return [{ type: 'DevicesHealthy', status: 'Unknown', reason: 'NotReported', message }];
}
