import type { FailoverPair } from '#lib/api/failoverpair.gen.ts';
import type { Hall } from '#lib/api/hall.gen.ts';
import { messageOf } from '#lib/base/errors.ts';
import { Secret } from '#lib/base/secret.ts';
import { checkTsigKey } from '#lib/dns/tsig.ts';
import { keyOf, keyText } from '#lib/kube/objects.ts';
import { bundleKey } from '../authority-secret.ts';
import { readSecretRef } from '../foreign-secrets.ts';
import type { ForeignSecrets } from '../foreign-secrets.ts';
import type { OperatorPorts } from '../frame.ts';
import { pairHolding } from '../hall/holding.ts';
import { madeFor } from '../labels.ts';
import { startedIn } from '../pair-operation/operation-decision.ts';
import { decodeData } from '../secret-data.ts';
import { rivalsOf } from './decide-refusal.ts';
import type { Observations } from './observations.ts';
import { gatherEtcdTls } from './gather-etcd-tls.ts';
import { knownRecord } from './known-record.ts';
import { ownRecord, ownSettings } from './own-objects.ts';
import { hallAuthoritySecretName, sliceName } from './pair-names.ts';
import type { PairView, ServedHall, TsigView } from './pair-view.ts';

export interface GatherPorts extends Pick<OperatorPorts, 'caches'> {
  readonly foreign: ForeignSecrets;
  readonly observations: Observations;
}

/** Everything that is known of a pair now. Asks the API server at most for Secrets that people made. */
export async function gatherPair(pair: FailoverPair, ports: GatherPorts, signal: AbortSignal): Promise<PairView> {
  const { caches, observations } = ports;
  const { namespace, name, uid } = pair.metadata;
  const service = pair.spec.service?.name;
  const { members, dns, routeProblem } = observations.of(uid);
  const revisions = pair.spec.members.flatMap((member): readonly (readonly [string, string])[] => {
    const held = ownSettings(pair, member.name, caches);
    return held === undefined ? [] : [[member.name, held.settings.revision]];
  });
  return {
    pair,
    halls: hallsOf(pair, ports),
    served: servedHall(pair, caches),
    record: knownRecord(pair, { caches, observations }),
    earlierRecord: ownRecord(pair, caches) === undefined && caches.pairRecords.get({ namespace, name }) !== undefined,
    tsig: await gatherTsig(pair, ports.foreign, signal),
    etcdTls: await gatherEtcdTls(pair, ports.foreign, signal),
    rivals: rivalsOf(pair, caches.pairs.list()),
    members,
    dns,
    slice: service === undefined ? undefined : madeFor(pair, caches.endpointSlices.get({ namespace, name: sliceName(service) })),
    service: service === undefined ? undefined : madeFor(pair, caches.services.get({ namespace, name: service })),
    routeProblem,
    drills: drillsOf(pair, ports),
    foreign: [],
    revisions: new Map(revisions),
  };
}

/** A drill that began in one epoch is the beginning of the next. */
function drillsOf(pair: FailoverPair, { caches }: GatherPorts): ReadonlySet<number> {
  const asked = caches.pairOperations.byIndex('pair', keyText(keyOf(pair))).filter(({ spec }) => spec.type === 'KillPrimary');
  const began = asked.flatMap((operation) => startedIn({ operation }) ?? []);
  return new Set(began.map(({ epoch }) => epoch + 1));
}

/** The oldest first; of two made in the same second the lower UID. */
function hallsOf(pair: FailoverPair, { caches }: GatherPorts): readonly Hall[] {
  const age = ({ metadata }: Hall): string => `${metadata.creationTimestamp} ${metadata.uid}`;
  return caches.halls.byIndex('pair', keyText(keyOf(pair))).toSorted((left, right) => (age(left) < age(right) ? -1 : 1));
}

/**
 * The hall that the pair serves: the one that holds the claim of the pair. A hall that is being deleted is served until it is gone.
 * While it is not decided who has the pair, or the authority of the hall cannot be read, the members go on with what they were told.
 */
export function servedHall(pair: FailoverPair, caches: Pick<OperatorPorts['caches'], 'claims' | 'halls' | 'secrets'>): ServedHall {
  const holding = pairHolding(pair, caches);
  if (holding.is === 'nobody') return { is: 'none' };
  if (holding.is === 'undecided' || holding.hall === undefined) return { is: 'as before' };
  const { namespace, name } = holding.hall.metadata;
  const secret = caches.secrets.get({ namespace, name: hallAuthoritySecretName(name) });
  const authority = secret === undefined ? undefined : decodeData(secret)[bundleKey];
  return authority === undefined ? { is: 'as before' } : { is: 'served', name, authority };
}

async function gatherTsig({ metadata, spec }: FailoverPair, foreign: ForeignSecrets, signal: AbortSignal): Promise<TsigView | undefined> {
  if (spec.dns === undefined) return undefined;
  const { tsigSecretRef, tsigKeyName } = spec.dns;
  const field = 'dns.tsigSecretRef';
  const entry = await readSecretRef(foreign, { namespace: metadata.namespace, ...tsigSecretRef, field }, signal);
  if (!entry.found) return entry;
  const secret = new Secret(entry.text);
  try {
    checkTsigKey({ name: tsigKeyName, secret });
    return { found: true, secret };
  } catch (error) {
    return {
      found: false,
      says: `the key ${tsigSecretRef.key} of the Secret ${tsigSecretRef.name} of ${field} is not usable: ${messageOf(error)}`,
    };
  }
}
