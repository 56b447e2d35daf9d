import { recordFactsOf, recordFrame, retiredRecordAnnotation } from '#operator/contract.ts';
import type { FailoverPairStatusMember } from '#lib/api/failoverpair.gen.ts';
import type { PairRecord } from '#lib/api/pairrecord.gen.ts';
import type { Clock } from '#lib/base/clock.ts';
import { defineErrors, messageOf } from '#lib/base/errors.ts';
import type { KubeClient } from '#lib/kube/client.ts';
import { isKubeError } from '#lib/kube/errors.ts';
import type { KubeObject } from '#lib/kube/objects.ts';
import { defineResource } from '#lib/kube/objects.ts';
import { adoptedRecord, decideAdoption } from '#lib/pair/decide-adoption.ts';
import type { AdoptionSide, AdoptionVerdict } from '#lib/pair/decide-adoption.ts';
import { explainFailover } from '#lib/pair/explain.ts';
import type { KnownRecord, MemberFacts } from '#lib/pair/member-facts.ts';
import { lacksAcknowledged, whyHalted } from '#lib/pair/why-unserved.ts';
import { parseLsn } from '#lib/postgres/lsn.ts';
import { callerName } from './caller.ts';
import { compareLogs } from './compare-logs.ts';
import { pairFactsOf } from './pair-seen.ts';
import type { PairSeen } from './pair-seen.ts';
import { pairRecords } from './resources.ts';

export const adoptionErrors = defineErrors({
  HK_ADOPTION_REFUSED: { retry: 'never', says: 'the record is not written anew' },
});

/** What would be written, and what it rests on. */
export interface AdoptionPlan {
  readonly seen: PairSeen;
  readonly primary: string;
  readonly other: string;
  readonly verdict: AdoptionVerdict;
  /** Why a record must be written at all. */
  readonly why: string;
  /** The record is lost, and the operator compares the members; else it is the status alone that tells of them. */
  readonly recordLost: boolean;
  readonly known: readonly Pick<KnownRecord, 'sequence' | 'epoch'>[];
}

/**
 * Compares both members, as the operator tells them now.
 *
 * @param compared  False: the operator may still be at it, so that what it tells is no reason yet to refuse.
 * @throws HK_ADOPTION_REFUSED  when there is nothing to adopt, or the member cannot be adopted at all; never for what would be lost.
 */
export function planAdoption(seen: PairSeen, primary: string, { compared }: { readonly compared: boolean }): AdoptionPlan {
  const { pair, record } = seen;
  const names = pair.spec.members.map(({ name }) => name);
  if (pair.spec.arbiter.kubernetes === undefined) {
    throw adoptionErrors.HK_ADOPTION_REFUSED(
      `the record of ${pair.metadata.name} is kept in an etcd; hallctl writes only records that Kubernetes keeps as PairRecord`,
    );
  }
  if (!names.includes(primary)) {
    throw adoptionErrors.HK_ADOPTION_REFUSED(`${pair.metadata.name} has the members ${names.join(' and ')}, not ${primary}`);
  }
  const other = names.find((name) => name !== primary) ?? '';
  const facts = pairFactsOf(seen);
  const { why, recordLost } = reasonToAdopt(seen, primary, other);
  const statusOf = (name: string): FailoverPairStatusMember | undefined => pair.status?.members?.find((each) => each.name === name);
  const sideOf = (name: string): AdoptionSide => {
    const member = statusOf(name);
    return sideFrom(
      name,
      member,
      facts.heard.find((each) => each.name === name),
    );
  };
  const verdict = decideAdoption(sideOf(primary), sideOf(other), compareLogs(statusOf(primary), statusOf(other)));
  if (compared && verdict.refusals.length > 0) throw adoptionErrors.HK_ADOPTION_REFUSED(verdict.refusals.join('; '));
  return { seen, primary, other, verdict, why, recordLost, known: knownOf(seen, record) };
}

/** The members' own word that the record is lost, or a primary by the record that does not lead and will not without a person. */
function reasonToAdopt(seen: PairSeen, primary: string, other: string): Pick<AdoptionPlan, 'why' | 'recordLost'> {
  const facts = pairFactsOf(seen);
  const { blockedBy, because } = explainFailover(facts);
  if (blockedBy === 'RecordLost') return { why: because[0] ?? '', recordLost: true };
  const spec = seen.record?.spec;
  const factsOf = (member: string): MemberFacts | undefined => facts.heard.find(({ name }) => name === member);
  const lead = factsOf(other);
  const unable = spec?.mode === 'Solo' && spec.primary === other ? whyUnable(lead) : undefined;
  if (unable !== undefined) return { why: `${other} leads alone by the record, and ${unable}.`, recordLost: false };
  const chosen = factsOf(primary);
  const short = spec?.primary === primary && spec.mode !== 'Solo' && chosen !== undefined && lacksAcknowledged(chosen);
  if (short && (lead === undefined || lead.data !== 'complete' || lacksAcknowledged(lead)))
    return { why: `${primary} is the primary by the record and does not lead: ${String(chosen.stuck)}.`, recordLost: false };
  const says = spec === undefined ? 'there is no record yet' : `it says ${spec.mode} under ${spec.primary ?? 'nobody'}`;
  throw adoptionErrors.HK_ADOPTION_REFUSED(
    `the record is not lost: ${says}, and the members obey it. ${instead(seen, primary, other, { silent: lead === undefined, short })}`,
  );
}

/** Why who leads alone by the record does not, and will not without a person; undefined when it does, or may. */
function whyUnable(lead: MemberFacts | undefined): string | undefined {
  if (lead === undefined) return 'is not heard';
  return lead.data === 'complete' ? undefined : whyHalted(lead);
}

/** What to do where there is nothing to adopt. */
function instead(
  { pair, record }: PairSeen,
  primary: string,
  other: string,
  { silent, short }: { readonly silent: boolean; readonly short: boolean },
): string {
  const { name, namespace } = pair.metadata;
  const switchover = `hallctl pair switchover ${name} -n ${namespace} --to ${primary}`;
  const { mode, primary: leader } = record?.spec ?? {};
  if (leader === primary && short)
    return `${other} has what ${primary} lacks: hallctl pair explain ${name} -n ${namespace} says what keeps ${other} from leading, if anything does`;
  if (leader === primary) return `${primary} is the primary already`;
  if (leader === undefined) return `Start the members; hallctl pair explain ${name} -n ${namespace} says what is waited for`;
  if (mode === 'Solo') {
    return `${other} is heard and has what ${primary} lacks: bring ${primary} back, and when the pair is in mode Sync, ${switchover} makes it the primary`;
  }
  return silent
    ? `${other} is not heard, and ${primary} takes over by itself unless something hinders it: hallctl pair explain ${name} -n ${namespace} says what`
    : `${primary} is made the primary by ${switchover}`;
}

function sideFrom(name: string, member: FailoverPairStatusMember | undefined, facts: AdoptionSide['facts']): AdoptionSide {
  const heard = member?.heard === 'Directly' ? facts : undefined;
  const position = member?.position;
  return {
    name,
    facts: heard,
    systemIdentifier: member?.systemIdentifier,
    timeline: member?.timeline,
    position: position === undefined ? undefined : { flushed: parseLsn(position.flushed), exact: position.exact },
  };
}

/** Everything that anybody is known to know: what is written must be newer than all of it. */
function knownOf({ pair }: PairSeen, record: PairRecord | undefined): AdoptionPlan['known'] {
  const { members = [], epoch = 0, history = [], lastFailover } = pair.status ?? {};
  const epochs = [epoch, lastFailover?.epoch ?? 0, ...history.map((each) => each.epoch)];
  return [
    ...(record === undefined ? [] : [recordFactsOf(record)]),
    ...members.flatMap(({ knows }) => (knows === undefined ? [] : [knows])),
    ...epochs.map((each) => ({ sequence: 0, epoch: each })),
  ];
}

type AdoptionClient = Pick<KubeClient, 'create' | 'delete' | 'patch'>;

const accessReviews = defineResource<AccessReview>({
  apiVersion: 'authorization.k8s.io/v1',
  kind: 'SelfSubjectAccessReview',
  plural: 'selfsubjectaccessreviews',
  namespaced: false,
});

interface AccessReview extends KubeObject {
  readonly spec: { readonly resourceAttributes: Readonly<Record<string, string>> };
  readonly status?: { readonly allowed: boolean };
}

/**
 * Whoever writes a record decides who leads, so the rights are asked for before anything is changed.
 *
 * @returns the name of the caller, for the record.
 * @throws HK_ADOPTION_REFUSED  naming every right that is missing.
 */
export async function refuseWithoutRights(
  { seen }: AdoptionPlan,
  client: Pick<KubeClient, 'create'>,
  signal: AbortSignal,
): Promise<string> {
  const { namespace, name } = seen.pair.metadata;
  const needed = [
    { verb: 'update', resource: 'pairrecords', subresource: 'adopt' },
    { verb: 'create', resource: 'pairrecords' },
    ...(seen.record === undefined
      ? []
      : [
          { verb: 'patch', resource: 'pairrecords' },
          { verb: 'delete', resource: 'pairrecords' },
        ]),
  ];
  const missing: string[] = [];
  for (const right of needed) {
    const resourceAttributes = { ...right, group: 'hallkeeper.dev', namespace, name };
    const review = {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SelfSubjectAccessReview',
      metadata: { name: '' },
      spec: { resourceAttributes },
    };
    const { status } = await client.create(accessReviews, review, signal);
    const { verb, resource } = right;
    if (status?.allowed !== true) missing.push(`${verb} ${resource}${'subresource' in right ? `/${right.subresource}` : ''}`);
  }
  if (missing.length > 0) {
    const role = 'the role hallkeeper-hall-administrator has it';
    throw adoptionErrors.HK_ADOPTION_REFUSED(`you lack the right to ${missing.join(', to ')} in namespace ${namespace}; ${role}`);
  }
  return (await callerName(client, signal)) ?? 'hallctl';
}

/** As the schema limits them. */
const authorMax = 63;
const reasonMax = 512;

/**
 * Writes the record by which the chosen member leads alone. One that is there and cannot be used is removed first: the rules of the
 * definition let no record be changed in so many ways at once.
 */
export async function writeAdopted(
  plan: AdoptionPlan,
  { author, reason }: { readonly author: string; readonly reason: string },
  { client, clock }: { readonly client: AdoptionClient; readonly clock: Clock },
  signal: AbortSignal,
): Promise<PairRecord> {
  const { seen, primary, other, known } = plan;
  const { pair, record } = seen;
  const { name, namespace } = pair.metadata;
  const systemIdentifier = pair.status?.members?.find((member) => member.name === primary)?.systemIdentifier ?? '';
  const bothHeard = pair.status?.members?.find((member) => member.name === other)?.heard === 'Directly';
  const next = adoptedRecord({
    primary,
    systemIdentifier,
    known,
    wallSeconds: clock.wallMs() / 1_000,
    bothHeard,
    author: author.slice(-authorMax),
    reason: reason.slice(0, reasonMax),
  });
  const { labels, writers } = recordFrame(pair);
  const { formatVersion, sequence, epoch } = next;
  const object = {
    apiVersion: 'hallkeeper.dev/v1alpha1',
    kind: 'PairRecord',
    metadata: { name, namespace, labels },
    spec: {
      formatVersion,
      sequence,
      mode: 'Solo' as const,
      primary,
      epoch,
      systemIdentifier,
      reason: next.reason,
      author: next.author,
      changedAt: new Date(clock.wallMs()).toISOString(),
      writers,
    },
  };
  if (record !== undefined) await removeRecord(record, client, signal);
  try {
    return await client.create(pairRecords, object as unknown as PairRecord, signal);
  } catch (error) {
    const hint = record === undefined ? '' : ' The record that was there is removed: run this command again.';
    throw adoptionErrors.HK_ADOPTION_REFUSED(`${messageOf(error)}.${hint}`, { cause: error });
  }
}

async function removeRecord({ metadata }: PairRecord, client: AdoptionClient, signal: AbortSignal): Promise<void> {
  const { uid, name, namespace, resourceVersion } = metadata;
  const key = { name, namespace };
  const body = { metadata: { uid, resourceVersion, annotations: { [retiredRecordAnnotation]: uid } } };
  const marked = await client.patch(pairRecords, key, { type: 'merge', body }, signal);
  const preconditions = { uid, resourceVersion: marked.metadata.resourceVersion };
  try {
    await client.delete(pairRecords, key, { preconditions }, signal);
  } catch (error) {
    if (!isKubeError(error, 'HK_KUBE_NOT_FOUND')) throw error;
  }
}
