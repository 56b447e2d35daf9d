import type { MemberStatus } from '#agents/member/contract.ts';
import type { FailoverPair } from '#lib/api/failoverpair.gen.ts';
import { codeOf, messageOf } from '#lib/base/errors.ts';
import type { Logger } from '#lib/base/log.ts';
import type { Reconcile } from '#lib/kube/controller.ts';
import { keyOf } from '#lib/kube/objects.ts';
import type { OperatorPorts } from '../frame.ts';
import { madeFor } from '../labels.ts';
import type { Nudge } from '../nudge.ts';
import { secrets } from '../resources.ts';
import { readSettings } from './act-settings.ts';
import { decidePush } from './decide-push.ts';
import type { MemberClient, MemberPlace } from './member-client.ts';
import type { Observations } from './observations.ts';
import type { OperatorCertificates, PairCredentials } from './operator-certificates.ts';
import { isKeptInEtcd, knownRecord } from './known-record.ts';
import { ownSettings } from './own-objects.ts';
import { memberKey } from './pair-names.ts';

export interface PollPorts extends Pick<OperatorPorts, 'client' | 'caches' | 'clock' | 'random'> {
  readonly members: MemberClient;
  readonly certificates: OperatorCertificates;
  readonly observations: Observations;
  /** Told after each round. */
  readonly observed: Nudge;
  /** Told when the members speak of another record than before: of one that an etcd keeps nothing else tells. */
  readonly recordMoved: Nudge;
}

/** Between two rounds of calls to the members of a pair; a change of the record asks at once. */
export const pollEveryMs = 3_000;
const pollJitterMs = 500;
/** The same where nobody but the members tells of a change of the record. */
const pollEtcdEveryMs = 1_000;

/** Asks both members how they are, and pushes settings to one that does not find them by itself. */
export function pollMembers(ports: PollPorts): Reconcile {
  const { caches, observed, random } = ports;
  /** By UID of the pair and member: since when it reports another revision, and when settings were pushed last. */
  const pushes = new Map<string, PushMemory>();
  return async (key, { signal, log }) => {
    const pair = caches.pairs.get(key);
    if (pair === undefined || pair.metadata.deletionTimestamp !== undefined) return undefined;
    const credentials = await credentialsOf(pair, ports);
    if (credentials !== undefined) {
      const places = pair.spec.members.flatMap(({ name, host }) =>
        host === undefined ? [] : [{ pair, member: name, address: host.address, credentials }],
      );
      await Promise.all(places.map((place) => pollOne(place, pushes, ports, log, signal)));
      noteRecord(pair, ports);
      observed.tell(key);
    }
    return { requeueAfterMs: (isKeptInEtcd(pair) ? pollEtcdEveryMs : pollEveryMs) + random.below(pollJitterMs) };
  };
}

/**
 * With what the members are called. Undefined while the pair has no authority, or none that can be read. That is no end of asking:
 * somebody restores it, and until then members that were told of it count as not reached, rather than as what they were when it went.
 */
async function credentialsOf(
  pair: FailoverPair,
  { certificates, observations, observed }: PollPorts,
): Promise<PairCredentials | undefined> {
  let why = 'the authority of the pair is gone; see its condition Ready';
  try {
    const credentials = await certificates.forPair(pair);
    if (credentials !== undefined || pair.status?.mode === undefined) return credentials;
  } catch (error) {
    if (codeOf(error) !== 'HK_AUTHORITY_UNREADABLE') throw error;
    why = messageOf(error);
  }
  for (const { name } of pair.spec.members) observations.failed(pair.metadata.uid, name, why);
  observed.tell(keyOf(pair));
  return undefined;
}

function noteRecord(pair: FailoverPair, { caches, observations, clock, recordMoved }: PollPorts): void {
  if (!isKeptInEtcd(pair)) return;
  const record = knownRecord(pair, { caches, observations });
  const isNews = record !== undefined && observations.sawRecord(pair.metadata.uid, record.spec, clock.wallMs());
  if (isNews) recordMoved.tell(keyOf(pair));
}

interface PushMemory {
  readonly differsSinceMs: number | undefined;
  readonly pushedAtMs: number;
}

async function pollOne(
  place: MemberPlace,
  pushes: Map<string, PushMemory>,
  ports: PollPorts,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  const { pair, member } = place;
  const { uid } = pair.metadata;
  const { members, observations } = ports;
  try {
    const status = await members.status(place, signal);
    observations.answered(uid, member, status);
    if (!isPushDue(place, status, pushes, ports)) return;
    const held = await heldNow(place, ports, log, signal);
    if (held === undefined || (held.settings.revision === status.settingsRevision && status.arbiterReached)) return;
    await members.pushSettings(place, held.settings, held.token, signal);
    log.info({ member, revision: held.settings.revision }, 'settings pushed to a member that did not read them');
  } catch (error) {
    signal.throwIfAborted();
    observations.failed(uid, member, messageOf(error));
    log.debug({ member, error: messageOf(error) }, 'a member does not answer');
  }
}

/** By the Secret in the cache, which may be old: what is pushed is read anew. */
function isPushDue(
  { pair, member }: MemberPlace,
  status: MemberStatus,
  pushes: Map<string, PushMemory>,
  { caches, clock }: PollPorts,
): boolean {
  const known = ownSettings(pair, member, caches);
  if (known === undefined) return false;
  const id = `${pair.metadata.uid} ${member}`;
  const memory = pushes.get(id) ?? { differsSinceMs: undefined, pushedAtMs: -Infinity };
  const differs = status.settingsRevision !== known.settings.revision;
  const differsSinceMs = differs ? (memory.differsSinceMs ?? clock.nowMs()) : undefined;
  const push = decidePush({ differsSinceMs, arbiterReached: status.arbiterReached, pushedAtMs: memory.pushedAtMs }, clock.nowMs());
  pushes.delete(id);
  pushes.set(id, { differsSinceMs, pushedAtMs: push ? clock.nowMs() : memory.pushedAtMs });
  bound(pushes);
  return push;
}

/**
 * What the member's Secret holds on the server: a cache that is behind would put older settings over those that the member has read
 * itself. Undefined when that cannot be learned now.
 */
async function heldNow(
  { pair, member }: MemberPlace,
  { client }: PollPorts,
  log: Logger,
  signal: AbortSignal,
): Promise<ReturnType<typeof readSettings>> {
  try {
    return readSettings(madeFor(pair, await client.find(secrets, memberKey(pair, member), signal)));
  } catch (error) {
    signal.throwIfAborted();
    log.warn({ member, error: messageOf(error) }, 'settings are not pushed: their Secret cannot be read');
    return undefined;
  }
}

/** Beyond so many members the one heard longest ago is forgotten: at worst its settings are pushed once more. */
const rememberedMax = 10_000;

function bound(pushes: Map<string, PushMemory>): void {
  if (pushes.size <= rememberedMax) return;
  for (const oldest of pushes.keys()) return void pushes.delete(oldest);
}

/** The place of one member, for other calls. Undefined while the pair has no authority. */
export async function placeOf(pair: FailoverPair, member: string, certificates: OperatorCertificates): Promise<MemberPlace | undefined> {
  const host = pair.spec.members.find(({ name }) => name === member)?.host;
  const credentials = host === undefined ? undefined : await certificates.forPair(pair);
  return host === undefined || credentials === undefined ? undefined : { pair, member, address: host.address, credentials };
}
