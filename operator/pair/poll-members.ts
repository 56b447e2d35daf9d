import type { FailoverPair } from '#lib/api/failoverpair.gen.ts';
import { messageOf } from '#lib/base/errors.ts';
import type { Logger } from '#lib/base/log.ts';
import type { Reconcile } from '#lib/kube/controller.ts';
import type { OperatorPorts } from '../frame.ts';
import type { Nudge } from '../nudge.ts';
import { readSettings } from './act-settings.ts';
import { decidePush } from './decide-push.ts';
import type { MemberClient, MemberPlace } from './member-client.ts';
import type { Observations } from './observations.ts';
import type { OperatorCertificates } from './operator-certificates.ts';
import { memberKey } from './pair-names.ts';

export interface PollPorts extends Pick<OperatorPorts, 'caches' | 'clock' | 'random'> {
  readonly members: MemberClient;
  readonly certificates: OperatorCertificates;
  readonly observations: Observations;
  /** Told after each round. */
  readonly observed: Nudge;
}

/** Between two rounds of calls to the members of a pair; a change of the record asks at once. */
export const pollEveryMs = 3_000;
const pollJitterMs = 500;

/** Asks both members how they are, and pushes settings to one that does not find them by itself. */
export function pollMembers(ports: PollPorts): Reconcile {
  const { caches, certificates, observed, random } = ports;
  /** By UID of the pair and member: since when it reports another revision, and when settings were pushed last. */
  const pushes = new Map<string, PushMemory>();
  return async (key, { signal, log }) => {
    const pair = caches.pairs.get(key);
    if (pair === undefined || pair.metadata.deletionTimestamp !== undefined) return undefined;
    const credentials = await certificates.forPair(pair);
    if (credentials !== undefined) {
      const places = pair.spec.members.flatMap(({ name, host }) =>
        host === undefined ? [] : [{ pair, member: name, address: host.address, credentials }],
      );
      await Promise.all(places.map((place) => pollOne(place, pushes, ports, log, signal)));
      observed.tell(key);
    }
    return { requeueAfterMs: pollEveryMs + random.below(pollJitterMs) };
  };
}

interface PushMemory {
  readonly differsSinceMs: number | undefined;
  readonly pushedAtMs: number;
}

async function pollOne(
  place: MemberPlace,
  pushes: Map<string, PushMemory>,
  { members, observations, caches, clock }: PollPorts,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  const { pair, member } = place;
  const { uid } = pair.metadata;
  try {
    const status = await members.status(place, signal);
    observations.answered(uid, member, status);
    const held = readSettings(caches.secrets.get(memberKey(pair, member)));
    if (held === undefined) return;
    const id = `${uid} ${member}`;
    const memory = pushes.get(id) ?? { differsSinceMs: undefined, pushedAtMs: -Infinity };
    const differs = status.settingsRevision !== held.settings.revision;
    const differsSinceMs = differs ? (memory.differsSinceMs ?? clock.nowMs()) : undefined;
    const push = decidePush({ differsSinceMs, arbiterReached: status.arbiterReached, pushedAtMs: memory.pushedAtMs }, clock.nowMs());
    pushes.delete(id);
    pushes.set(id, { differsSinceMs, pushedAtMs: push ? clock.nowMs() : memory.pushedAtMs });
    bound(pushes);
    if (!push) return;
    await members.pushSettings(place, held.settings, held.token, signal);
    log.info({ member, revision: held.settings.revision }, 'settings pushed to a member that did not read them');
  } catch (error) {
    signal.throwIfAborted();
    observations.failed(uid, member, messageOf(error));
    log.debug({ member, error: messageOf(error) }, 'a member does not answer');
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
