import { decideRoute, sliceEpoch } from './decide-route.ts';
import { isPaused } from './paused.ts';
import type { PairStatement } from './pair-conditions.ts';
import type { AuthorityProblem, DnsServerView, MemberView, PairView } from './pair-view.ts';

/** Below this a member may soon be unable to write. */
const diskFreePercentMin = 5;
/** Once told, so much must be free again before it is taken back: a disk at the edge is no news each time it moves. */
const diskFreePercentAgain = 7;

type Statement<Type extends PairStatement['type']> = Extract<PairStatement, { readonly type: Type }>;
type Body<Type extends PairStatement['type']> = Omit<Statement<Type>, 'type'>;

/** All conditions of a pair whose settings were worked on. `refusals` and `failure` are told by Ready. */
export function decideConditions(
  view: PairView,
  { refusals, authorityProblem }: { readonly refusals: readonly string[]; readonly authorityProblem: AuthorityProblem | undefined },
): readonly PairStatement[] {
  const { spec } = view.pair;
  const said: readonly PairStatement[] = [
    { type: 'Ready', ...ready(view, refusals, authorityProblem) },
    { type: 'ZeroLossFailoverPossible', ...zeroLoss(view) },
    { type: 'MembersReachable', ...reachable(view) },
    ...(spec.dns === undefined ? [] : [{ type: 'DNSInSync' as const, ...dnsInSync(view) }]),
    ...(spec.service === undefined ? [] : [{ type: 'ServiceInSync' as const, ...serviceInSync(view) }]),
    { type: 'Progressing', ...progressing(view) },
  ];
  return said.map((statement) => standing(statement, view) ?? statement);
}

const fromMembers: readonly string[] = ['ZeroLossFailoverPossible', 'MembersReachable', 'Progressing'];

/**
 * The statement that stands in the status already, while we have not yet asked again what it rests on: a new leader does not take back
 * what the one before it saw. Only as long as the record is the one that it was said of.
 */
function standing({ type }: PairStatement, { pair, record, members, dns }: PairView): PairStatement | undefined {
  const { status, spec, metadata } = pair;
  const sameRecord = record !== undefined && status?.mode === record.spec.mode && status.epoch === record.spec.epoch;
  const unasked = fromMembers.includes(type)
    ? spec.members.some(({ name }) => !members.has(name))
    : type === 'DNSInSync' && dns === undefined;
  const before = status?.conditions?.find((condition) => condition.type === type);
  if (!sameRecord || !unasked || before === undefined || before.observedGeneration !== metadata.generation) return undefined;
  return { type, status: before.status, reason: before.reason, message: before.message } as PairStatement;
}

function ready({ foreign }: PairView, refusals: readonly string[], problem: AuthorityProblem | undefined): Body<'Ready'> {
  if (refusals.length > 0) return { status: 'False', reason: 'SpecRefused', message: sentence(refusals) };
  if (problem !== undefined) return { status: 'False', ...problem };
  if (foreign.length > 0) return { status: 'False', reason: 'ObjectForeign', message: sentence(foreign) };
  return { status: 'True', reason: 'SettingsDelivered', message: 'settings, certificates and tokens are in the Secrets of both members' };
}

function zeroLoss(view: PairView): Body<'ZeroLossFailoverPossible'> {
  const { pair, record, members } = view;
  const no = (reason: Body<'ZeroLossFailoverPossible'>['reason'], message: string): Body<'ZeroLossFailoverPossible'> => ({
    status: 'False',
    reason,
    message,
  });
  if (record === undefined) {
    if (pair.status?.mode === undefined) return no('NeverLed', 'the record is not created yet');
    return no(
      'RecordLost',
      'the PairRecord is gone: the members keep their roles; compare them, then write it anew, with the right to update pairrecords/adopt',
    );
  }
  const { mode, primary } = record.spec;
  const names = pair.spec.members.map(({ name }) => name);
  if (mode === 'New') return no('NeverLed', `enrol ${names.join(' and ')} with hallctl pair enrol and start their agents`);
  if (primary === undefined || !names.includes(primary)) {
    return no(
      'RecordLost',
      `the PairRecord names ${String(primary)} as primary, which is no member of this pair; write it anew, with the right to update pairrecords/adopt`,
    );
  }
  if (isPaused(pair))
    return no('Paused', 'the pair makes no failover until spec.paused is false and a PairOperation of type Resume was run');
  if (mode === 'Claim') return no('TakeoverRunning', `${primary} takes over`);
  const told = pair.status?.conditions?.find(({ type }) => type === 'ZeroLossFailoverPossible')?.reason === 'DiskFull';
  const freeMin = told ? diskFreePercentAgain : diskFreePercentMin;
  const full = names.find((name) => (current(members.get(name))?.diskFreePercent ?? 100) < freeMin);
  if (full !== undefined)
    return no('DiskFull', `the disk of ${full} is all but full: make room, until ${diskFreePercentAgain} % of it are free`);
  const standby = names.find((name) => name !== primary) ?? '';
  if (mode === 'Solo') return alone(standby, members.get(standby));
  const cutOff = names.filter((name) => current(members.get(name))?.arbiterReached === false);
  if (cutOff.length > 0) return no('ArbiterUnreachable', `${cutOff.join(' and ')} does not reach the Kubernetes API`);
  if (names.every((name) => current(members.get(name)) === undefined)) {
    return {
      status: 'Unknown',
      reason: 'MembersUnreachable',
      message: 'the record says that both members have everything, but neither answers',
    };
  }
  const blocked = current(members.get(primary))?.blockedBy;
  if (blocked !== undefined) return no('StandbyLost', blocked);
  return { status: 'True', reason: 'StandbyStreaming', message: `${standby} has everything that ${primary} acknowledged` };
}

function alone(standby: string, view: MemberView | undefined): Body<'ZeroLossFailoverPossible'> {
  const status = current(view);
  if (status !== undefined && isCopying(status.step)) {
    return { status: 'False', reason: 'CopyingStandby', message: `${standby}: ${inSteps(status.step)}` };
  }
  const why = status === undefined ? 'does not answer the operator' : `is at: ${inSteps(status.step)}`;
  return { status: 'False', reason: 'StandbyLost', message: `the primary commits alone; ${standby} ${why}` };
}

function reachable({ pair, members }: PairView): Body<'MembersReachable'> {
  const all = pair.spec.members.map(({ name }) => ({ name, view: members.get(name) }));
  const lost = all.filter(({ view }) => view?.reachable === false);
  if (lost.length > 0) {
    const each = lost.map(({ name, view }) => `${name} (${view?.why ?? 'no answer'})`).join('; ');
    const hint = 'the operator must reach host.address on hallServer.adminPort; behind NAT that takes a VPN';
    return { status: 'False', reason: 'MemberUnreachable', message: `${each}; ${hint}` };
  }
  if (all.some(({ view }) => view === undefined))
    return { status: 'Unknown', reason: 'NotAskedYet', message: 'the members are being asked' };
  return { status: 'True', reason: 'AllReachable', message: 'both agents answer' };
}

const dnsReasons = [
  ['foreign', 'NameForeign'],
  ['refused', 'KeyRefused'],
  ['unreachable', 'ServerUnreachable'],
  ['behind', 'OutOfSync'],
] as const satisfies readonly (readonly [DnsServerView['state'], Body<'DNSInSync'>['reason']])[];

function dnsInSync({ record, dns, tsig }: PairView): Body<'DNSInSync'> {
  if (record === undefined || record.spec.mode === 'New') {
    return { status: 'Unknown', reason: 'NotLedYet', message: 'nobody leads, so the name has nothing to show' };
  }
  if (tsig?.found === false) return { status: 'False', reason: 'KeyRefused', message: tsig.says };
  if (dns === undefined) return { status: 'Unknown', reason: 'NotAskedYet', message: 'the servers are being asked' };
  const wrong = dns.servers.filter(({ state }) => state !== 'in sync');
  const worst = dnsReasons.find(([state]) => wrong.some((each) => each.state === state));
  if (worst === undefined) return { status: 'True', reason: 'InSync', message: 'every server shows the primary' };
  return { status: 'False', reason: worst[1], message: wrong.map(({ server, says }) => `${server}: ${says}`).join('; ') };
}

function serviceInSync({ pair, record, slice, service, routeProblem }: PairView): Body<'ServiceInSync'> {
  if (routeProblem !== undefined) return { status: 'False', ...routeProblem };
  const decision = decideRoute({ pair, record, slice });
  switch (decision.do) {
    case 'keep':
      if (service === undefined) return { status: 'False', reason: 'OutOfSync', message: 'the Service is not there yet' };
      return { status: 'True', reason: 'InSync', message: 'the Service leads to the primary' };
    case 'point':
      return { status: 'False', reason: 'OutOfSync', message: `the EndpointSlice is to lead to ${decision.address}` };
    case 'obsolete':
      return { status: 'False', reason: 'OutOfSync', message: `the EndpointSlice is of a later epoch than the record: ${decision.epoch}` };
    case 'wait':
      if (slice !== undefined && sliceEpoch(slice) >= 0) return { status: 'False', reason: 'OutOfSync', message: decision.why };
      return { status: 'Unknown', reason: 'NotLedYet', message: decision.why };
  }
}

function progressing({ pair, record, members, revisions }: PairView): Body<'Progressing'> {
  const yes = (reason: Body<'Progressing'>['reason'], message: string): Body<'Progressing'> => ({ status: 'True', reason, message });
  const all = pair.spec.members.map(({ name }) => ({ name, status: members.get(name)?.status }));
  if (record?.spec.mode === 'Claim') return yes('TakeoverRunning', `${record.spec.primary ?? 'a member'} takes over`);
  const unheard = all.filter(({ status }) => status === undefined).map(({ name }) => name);
  if (unheard.length > 0 && (record === undefined || record.spec.mode === 'New')) {
    return yes('WaitingForEnrolment', `not heard of yet: ${unheard.join(', ')}`);
  }
  const copying = all.find(({ status }) => status !== undefined && isCopying(status.step));
  if (copying?.status !== undefined) return yes('CopyingStandby', `${copying.name}: ${inSteps(copying.status.step)}`);
  const old = all.filter(
    ({ name, status }) => status !== undefined && revisions.has(name) && status.settingsRevision !== revisions.get(name),
  );
  if (old.length > 0) return yes('DeliveringSettings', `${old.map(({ name }) => name).join(' and ')} has older settings`);
  return { status: 'False', reason: 'Settled', message: 'nothing is under way' };
}

/** What a member said, if it was just now. */
function current(view: MemberView | undefined): MemberView['status'] {
  return view?.reachable === true ? view.status : undefined;
}

export function isCopying(step: string): boolean {
  return /\b(rejoin|copy|copies|copying|rewind|rewinding)\b/i.test(step);
}

/** A step with percentages in steps of ten, so that a status is not written for each percent. */
export function inSteps(step: string): string {
  return step
    .replaceAll(/(\d{1,3})(?:[.,]\d+)?\s*%/g, (_, digits: string) => `${Math.floor(Number(digits) / 10) * 10} %`)
    .slice(0, stepMax);
}

/** As the schema limits it. */
const stepMax = 128;

function sentence(problems: readonly string[]): string {
  return problems.length === 1 ? (problems[0] ?? '') : problems.map((problem, index) => `(${index + 1}) ${problem}`).join('; ');
}
