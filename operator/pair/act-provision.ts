import type { MemberSettings } from '#agents/member/contract.ts';
import type { FailoverPair } from '#lib/api/failoverpair.gen.ts';
import { codeOf, messageOf } from '#lib/base/errors.ts';
import { decideAuthorityLoss } from '../authority-loss.ts';
import type { AuthorityTraces } from '../authority-loss.ts';
import { keepAuthority } from '../authority-secret.ts';
import type { KeptAuthority } from '../authority-secret.ts';
import { ownedLabels, pairLabel } from '../labels.ts';
import { keepAccess } from './act-access.ts';
import { keepRecord } from './act-record.ts';
import { keepSettings } from './act-settings.ts';
import { planMember } from './member-plan.ts';
import type { MemberPlan } from './member-plan.ts';
import { isKeptInEtcd } from './known-record.ts';
import { ownRecord, ownSettings } from './own-objects.ts';
import { authoritySecretName, memberKey } from './pair-names.ts';
import type { PairPorts } from './pair-ports.ts';
import type { AuthorityProblem, PairView, ServedHall } from './pair-view.ts';

type Provisioned = Pick<PairView, 'record' | 'foreign' | 'revisions'> & { readonly authorityProblem: AuthorityProblem | undefined };

/**
 * Does what can be done. A pair whose spec is refused, or whose authority is lost or damaged, keeps what it had: its members go on with
 * their last settings, whose token and, while there is an authority, certificate are renewed; nothing is made for a pair that never had any.
 */
export async function provision(view: PairView, refusals: readonly string[], ports: PairPorts, signal: AbortSignal): Promise<Provisioned> {
  const { pair } = view;
  const foreign: string[] = [];
  const held = new Map<string, MemberSettings>();
  for (const { name } of pair.spec.members) {
    const known = ownSettings(pair, name, ports.caches);
    if (known !== undefined) held.set(name, known.settings);
  }
  const done = (record: PairView['record'], authorityProblem?: AuthorityProblem): Provisioned => {
    const revisions = new Map([...held].map(([member, { revision }]) => [member, revision]));
    return { record, foreign, revisions, authorityProblem };
  };
  if (refusals.length > 0 && held.size === 0) return done(view.record);

  let authority: KeptAuthority | undefined;
  let authorityProblem: AuthorityProblem | undefined;
  try {
    authority = await keepPairAuthority(pair, held, ports, signal);
  } catch (error) {
    authorityProblem = authorityProblemOf(error);
    if (authorityProblem === undefined) noteForeign(error, foreign);
  }
  const mayPlan = refusals.length === 0 && authority !== undefined;
  // Of an etcd the members themselves create the record: nobody else is let in there.
  const makesRecord = mayPlan && !isKeptInEtcd(pair);
  const record = makesRecord ? await keepRecord(pair, ownRecord(pair, ports.caches), ports.client, signal) : view.record;
  // Somebody else's Secret in the place of the authority: what else bears our names is not ours either.
  if (authority === undefined && authorityProblem === undefined) return done(record);

  // What was told before this look: of a hall that is kept, both members are told the same.
  const before = new Map(held);
  for (const { name } of pair.spec.members) {
    const plan = mayPlan ? planMember(name, sourcesOf(view, name, before, ports.trustDomain)) : planOf(held.get(name));
    if (plan === undefined) continue;
    try {
      const account = await keepAccess(pair, name, ports, signal);
      held.set(name, await keepSettings({ pair, plan, authority, account }, ports, signal));
    } catch (error) {
      noteForeign(error, foreign);
    }
  }
  return done(record, authorityProblem);
}

function keepPairAuthority(
  pair: FailoverPair,
  held: ReadonlyMap<string, MemberSettings>,
  ports: PairPorts,
  signal: AbortSignal,
): Promise<KeptAuthority> {
  const { namespace, name: called } = pair.metadata;
  const name = authoritySecretName(called);
  const loss = decideAuthorityLoss(pair, { name, called: `pair ${called}`, traces: tracesOf(pair, held) });
  const wanted = { namespace, name, labels: ownedLabels(pairLabel, pair), loss };
  return keepAuthority(wanted, ports.caches.secrets.get(wanted), ports, signal);
}

/** Settings hold what the authority signed; and a pair that has a record had its authority before. */
export function tracesOf(pair: FailoverPair, held: ReadonlyMap<string, MemberSettings>): AuthorityTraces | undefined {
  const signed = [...held].map(([member, { tls }]) => ({ secret: memberKey(pair, member).name, bundle: tls.authority }));
  const [first] = signed;
  if (first !== undefined) return { secrets: signed.map(({ secret }) => secret), sample: first.bundle };
  return pair.status?.mode === undefined ? undefined : { secrets: [], sample: pair.metadata.uid };
}

function authorityProblemOf(error: unknown): AuthorityProblem | undefined {
  const code = codeOf(error);
  if (code === 'HK_AUTHORITY_UNREADABLE') return { reason: 'AuthorityUnreadable', message: messageOf(error) };
  return code === 'HK_AUTHORITY_LOST' ? { reason: 'AuthorityLost', message: messageOf(error) } : undefined;
}

function sourcesOf(
  { pair, tsig, etcdTls, served }: PairView,
  member: string,
  held: ReadonlyMap<string, MemberSettings>,
  trustDomain: string,
): Parameters<typeof planMember>[1] {
  return {
    pair,
    trustDomain,
    tsigSecret: tsig?.found === true ? tsig.secret : undefined,
    etcdTls: etcdTls?.found === true ? etcdTls.tls : undefined,
    hall: hallOf(served, member, held),
  };
}

/** The hall that a member is told to serve. `as before`: what it was told; a member whose settings are gone, what the other one was. */
export function hallOf(
  served: ServedHall,
  member: string,
  held: ReadonlyMap<string, Pick<MemberSettings, 'hallServer'>>,
): { readonly name: string; readonly authority: string } | undefined {
  switch (served.is) {
    case 'served':
      return { name: served.name, authority: served.authority };
    case 'none':
      return undefined;
    case 'as before': {
      const [any] = held.values();
      const told = (held.get(member) ?? any)?.hallServer;
      return told === undefined ? undefined : { name: told.hall, authority: told.hallAuthority };
    }
  }
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
