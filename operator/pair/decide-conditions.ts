import { explainFailover } from '#lib/pair/explain.ts';
import { sliceEpoch } from '#agents/member/contract.ts';
import { decideRoute } from './decide-route.ts';
import { loweredInWords } from './lowered-words.ts';
import { currentStatus, diskFreePercentAgain, pairFactsOf } from './pair-facts.ts';
import type { PairStatement } from './pair-conditions.ts';
import type { AuthorityProblem, DnsServerView, PairView } from './pair-view.ts';

type Statement<Type extends PairStatement['type']> = Extract<PairStatement, { readonly type: Type }>;
type Body<Type extends PairStatement['type']> = Omit<Statement<Type>, 'type'>;

/** All conditions of a pair whose settings were worked on. `refusals` and `authorityProblem` are told by Ready. */
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
  const names = pair.spec.members.map(({ name }) => name);
  if (record === undefined && pair.status?.mode === undefined) {
    return { status: 'False', reason: 'NeverLed', message: 'the record is not created yet' };
  }
  const facts = pairFactsOf(view);
  const { blockedBy, because, advice } = explainFailover(facts);
  const message = [...loweredOf(members), ...because, ...advice, ...copyingOf(names, members)].join(' ').slice(0, messageMax);
  if (blockedBy === undefined) return { status: 'True', reason: 'StandbyStreaming', message };
  if (blockedBy === 'MembersUnreachable') return { status: 'Unknown', reason: blockedBy, message };
  const full = `Until ${diskFreePercentAgain} % of it are free this is told.`;
  return { status: 'False', reason: blockedBy, message: blockedBy === 'DiskFull' ? `${message} ${full}` : message };
}

/** For whom no failover is without loss, whatever the pair does. It is told first: a message is cut at its end. */
function loweredOf(members: PairView['members']): readonly string[] {
  const lowered = [...members.values()].flatMap((member) => currentStatus(member)?.loweredCommits ?? []);
  return lowered.length === 0 ? [] : [loweredInWords(lowered)];
}

/** Whatever a member is being copied for: how far it is. */
function copyingOf(names: readonly string[], members: PairView['members']): readonly string[] {
  return names.flatMap((name) => {
    const step = currentStatus(members.get(name))?.step;
    return step === undefined || !isCopying(step) ? [] : [`${name}: ${inSteps(step)}.`];
  });
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

/** The worst first: one condition tells of all servers. */
const dnsReasons = [
  ['foreign', 'NameForeign'],
  ['refused', 'KeyRefused'],
  ['ahead', 'LaterEpoch'],
  ['failing', 'ServerFailing'],
  ['unreachable', 'ServerUnreachable'],
  ['behind', 'OutOfSync'],
] as const satisfies readonly (readonly [DnsServerView['state'], Body<'DNSInSync'>['reason']])[];

function dnsInSync({ record, dns, tsig }: PairView): Body<'DNSInSync'> {
  if (record === undefined || record.spec.mode === 'New') {
    return { status: 'Unknown', reason: 'NotLedYet', message: 'nobody leads, so the name has nothing to show' };
  }
  if (tsig?.found === false) return { status: 'False', reason: 'KeyRefused', message: tsig.says };
  const { mode, primary, epoch } = record.spec;
  if (mode === 'Claim') return { status: 'Unknown', reason: 'Moving', message: `${primary ?? 'a member'} takes over` };
  if (dns === undefined) return { status: 'Unknown', reason: 'NotAskedYet', message: 'the servers are being asked' };
  if (dns.epoch !== epoch) return { status: 'Unknown', reason: 'Moving', message: `${primary ?? 'a member'} has just opened` };
  const wrong = dns.servers.filter(({ state }) => state !== 'in sync');
  const message = wrong.map(({ server, says }) => `${server}: ${says}`).join('; ');
  const worst = dnsReasons.find(([state]) => wrong.some((each) => each.state === state));
  if (worst !== undefined) return { status: 'False', reason: worst[1], message };
  if (wrong.length > 0) return { status: 'Unknown', reason: 'Moving', message };
  return { status: 'True', reason: 'InSync', message: 'every server shows the primary' };
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
    case 'obsolete': {
      const message = `the EndpointSlice is of epoch ${decision.epoch}, later than the record; when no member has led in it, delete it`;
      return { status: 'False', reason: 'LaterEpoch', message };
    }
    case 'wait':
      if (record?.spec.mode === 'Claim') return { status: 'Unknown', reason: 'Moving', message: decision.why };
      if (slice !== undefined && sliceEpoch(slice.metadata) >= 0) return { status: 'False', reason: 'RecordLost', message: decision.why };
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
  if (old.length > 0) return yes('DeliveringSettings', `older settings at ${old.map(({ name }) => name).join(' and ')}`);
  return { status: 'False', reason: 'Settled', message: 'nothing is under way' };
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

/** Long enough for every sentence there is; a condition is read on one screen. */
const messageMax = 1_024;

function sentence(problems: readonly string[]): string {
  return problems.length === 1 ? (problems[0] ?? '') : problems.map((problem, index) => `(${index + 1}) ${problem}`).join('; ');
}
