import type { MemberSettings } from '#agents/member/contract.ts';
import type { FailoverPair } from '#lib/api/failoverpair.gen.ts';
import { codeOf, messageOf } from '#lib/base/errors.ts';
import type { Logger } from '#lib/base/log.ts';
import { Applier } from '#lib/kube/apply.ts';
import type { Reconcile } from '#lib/kube/controller.ts';
import { findCondition, setCondition, statusDiffers } from '#lib/kube/conditions.ts';
import type { Condition } from '#lib/kube/conditions.ts';
import { keepAuthority } from '../authority-secret.ts';
import type { KeptAuthority } from '../authority-secret.ts';
import { ownedLabels, pairLabel } from '../labels.ts';
import { failoverPairs } from '../resources.ts';
import { keepAccess } from './act-access.ts';
import { keepRecord } from './act-record.ts';
import { keepSettings, readSettings } from './act-settings.ts';
import { putFinalizer, takeDown } from './act-deletion.ts';
import { decideConditions } from './decide-conditions.ts';
import { decideDeletion } from './decide-deletion.ts';
import { refusalsOf } from './decide-refusal.ts';
import { decideStatus } from './decide-status.ts';
import { gatherPair, servedHall } from './gather-pair.ts';
import { planMember } from './member-plan.ts';
import type { MemberPlan } from './member-plan.ts';
import { authoritySecretName, memberKey } from './pair-names.ts';
import type { PairStatement } from './pair-conditions.ts';
import type { PairPorts } from './pair-ports.ts';
import type { PairView } from './pair-view.ts';

/** Certificates and tokens are looked at this often; each look without a change costs no request. */
const againMs = 60_000;
const refusedAgainMs = 12_000;

/** Brings a pair's record, authority, rights and settings to its spec, and tells in its status what is so. */
export function reconcilePair(ports: PairPorts): Reconcile {
  const applier = new Applier({ client: ports.client, fieldManager: 'hallkeeper-pair' });
  return async (key, { signal, log }) => {
    const pair = ports.caches.pairs.get(key);
    if (pair === undefined) return undefined;
    if (await beingDeleted(pair, applier, ports, log, signal)) return undefined;
    const gathered = await gatherPair(pair, ports, signal);
    const refusals = refusalsOf(gathered);
    const done = await provision(gathered, refusals, ports, signal);
    const view = { ...gathered, ...done };
    const statements = decideConditions(view, { refusals, unreadable: done.unreadable });
    const status = decideStatus(view, statements, ports.clock.wallMs());
    if (statusDiffers(pair.status, status)) {
      await applier.applyStatus(failoverPairs, pair, status, signal);
      tellTransitions(pair, statements, ports);
    }
    // A refused spec may be met by something that we do not follow, such as a Secret that a person makes.
    const nextMs = refusals.length > 0 || done.foreign.length > 0 ? refusedAgainMs : againMs;
    return { requeueAfterMs: nextMs + ports.random.below(nextMs / 6) };
  };
}

/** Does what the deletion policy asks for. False: the pair lives, and is reconciled. */
async function beingDeleted(pair: FailoverPair, applier: Applier, ports: PairPorts, log: Logger, signal: AbortSignal): Promise<boolean> {
  const decision = decideDeletion(pair, ports.clock.wallMs());
  if (decision.do === 'cleanUp') {
    try {
      await takeDown(pair, decision.giveUp, ports, log, signal);
    } catch (error) {
      if (codeOf(error) === 'HK_CLEANUP_PENDING') await tellPending(pair, messageOf(error), applier, ports, signal);
      throw error;
    }
    await putFinalizer(pair, 'remove', ports, signal);
  } else if (decision.finalizer !== 'keep') {
    await putFinalizer(pair, decision.finalizer, ports, signal);
  }
  if (decision.do !== 'live') ports.observations.forget(pair.metadata.uid);
  return decision.do !== 'live';
}

/** Why a deletion takes so long, in the status that the object still has. */
async function tellPending(
  pair: FailoverPair,
  message: string,
  applier: Applier,
  { clock }: PairPorts,
  signal: AbortSignal,
): Promise<void> {
  const before = (pair.status?.conditions ?? []) as readonly Condition[];
  const observedGeneration = pair.metadata.generation;
  const statement = { type: 'Progressing', status: 'True', reason: 'Deleting', message, observedGeneration } as const;
  const status = { ...pair.status, conditions: setCondition(before, statement, clock.wallMs()) };
  if (statusDiffers(pair.status, status)) await applier.applyStatus(failoverPairs, pair, status, signal);
}

type Provisioned = Pick<PairView, 'record' | 'foreign' | 'revisions'> & { readonly unreadable: string | undefined };

/**
 * Does what can be done. A pair whose spec is refused keeps what it had: its members go on with their last settings, whose certificate
 * and token are renewed; nothing is made for a pair that never had any.
 */
async function provision(view: PairView, refusals: readonly string[], ports: PairPorts, signal: AbortSignal): Promise<Provisioned> {
  const { pair } = view;
  const { namespace, name } = pair.metadata;
  const foreign: string[] = [];
  const held = new Map<string, MemberSettings>();
  for (const member of pair.spec.members) {
    const known = readSettings(ports.caches.secrets.get(memberKey(pair, member.name)));
    if (known !== undefined) held.set(member.name, known.settings);
  }
  const revisions = (): ReadonlyMap<string, string> => new Map([...held].map(([member, { revision }]) => [member, revision]));
  if (refusals.length > 0 && held.size === 0) return { record: view.record, foreign, revisions: revisions(), unreadable: undefined };

  let authority: KeptAuthority | undefined;
  try {
    const wanted = { namespace, name: authoritySecretName(name), labels: ownedLabels(pairLabel, pair) };
    authority = await keepAuthority(wanted, ports.caches.secrets.get(wanted), ports, signal);
  } catch (error) {
    if (codeOf(error) === 'HK_AUTHORITY_UNREADABLE') {
      return { record: view.record, foreign, revisions: revisions(), unreadable: messageOf(error) };
    }
    noteForeign(error, foreign);
  }
  const record = refusals.length > 0 ? view.record : await keepRecord(pair, view.record, ports.client, signal);
  if (authority === undefined) return { record, foreign, revisions: revisions(), unreadable: undefined };

  for (const member of pair.spec.members) {
    const plan = refusals.length > 0 ? planOf(held.get(member.name)) : planMember(member.name, sourcesOf(view, ports));
    if (plan === undefined) continue;
    try {
      const account = await keepAccess(pair, member.name, ports, signal);
      held.set(member.name, await keepSettings({ pair, plan, authority, account }, ports, signal));
    } catch (error) {
      noteForeign(error, foreign);
    }
  }
  return { record, foreign, revisions: revisions(), unreadable: undefined };
}

function sourcesOf(view: PairView, { caches, trustDomain }: PairPorts): Parameters<typeof planMember>[1] {
  const tsigSecret = view.tsig?.found === true ? view.tsig.secret : undefined;
  return { pair: view.pair, trustDomain, tsigSecret, hall: servedHall(view, caches) };
}

function planOf(settings: MemberSettings | undefined): MemberPlan | undefined {
  if (settings === undefined) return undefined;
  const { tls: _tls, revision: _revision, ...plan } = settings;
  return plan;
}

/** Somebody else's object is told in a condition, all of them at once; every other error ends the run. */
function noteForeign(error: unknown, foreign: string[]): void {
  if (codeOf(error) !== 'HK_OBJECT_FOREIGN') throw error;
  foreign.push(messageOf(error));
}

/** An event when Ready or ZeroLossFailoverPossible changes its status. */
function tellTransitions(pair: FailoverPair, statements: readonly PairStatement[], { events }: PairPorts): void {
  for (const { type, status, reason, message } of statements) {
    if (type !== 'Ready' && type !== 'ZeroLossFailoverPossible') continue;
    const before = findCondition(pair.status?.conditions as readonly Condition[] | undefined, type);
    if (before?.status === status || (before === undefined && status !== 'True')) continue;
    events.record(failoverPairs, pair, { type: status === 'True' ? 'Normal' : 'Warning', reason, action: type, note: message });
  }
}
