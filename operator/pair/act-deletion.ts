import type { FailoverPair } from '#lib/api/failoverpair.gen.ts';
import { messageOf } from '#lib/base/errors.ts';
import type { Logger } from '#lib/base/log.ts';
import { Secret } from '#lib/base/secret.ts';
import { readNameState } from '#lib/dns/act-failover-record.ts';
import { buildFailoverRemoval } from '#lib/dns/failover-record.ts';
import { sendUpdate } from '#lib/dns/update.ts';
import { isKubeError } from '#lib/kube/errors.ts';
import { addFinalizerPatch, removeFinalizerPatch } from '#lib/kube/finalizer.ts';
import { keyOf } from '#lib/kube/objects.ts';
import type { KubeObject, ResourceType } from '#lib/kube/objects.ts';
import { operatorErrors } from '../errors.ts';
import { readSecretRef } from '../foreign-secrets.ts';
import { ownerUidLabel } from '../labels.ts';
import { endpointSlices, failoverPairs, pairRecords, roleBindings, roles, secrets, serviceAccounts, services } from '../resources.ts';
import { pairFinalizer } from './decide-deletion.ts';
import { authoritySecretName, retiredAnnotation } from './pair-names.ts';
import type { PairPorts } from './pair-ports.ts';

/** What stands outside first, while the key for it is there; the authority last, because the rest may have to be repeated. */
const ownedTypes = [endpointSlices, services, roleBindings, roles, serviceAccounts] as unknown as readonly ResourceType<KubeObject>[];

export async function putFinalizer(
  pair: FailoverPair,
  wanted: 'add' | 'remove',
  { client }: PairPorts,
  signal: AbortSignal,
): Promise<void> {
  const operations = wanted === 'add' ? addFinalizerPatch(pair, pairFinalizer) : removeFinalizerPatch(pair, pairFinalizer);
  try {
    await client.patch(failoverPairs, keyOf(pair), { type: 'json', operations }, signal);
  } catch (error) {
    // Gone meanwhile means done.
    if (wanted === 'add' || !isKubeError(error, 'HK_KUBE_NOT_FOUND')) throw error;
  }
}

/**
 * Takes a pair down: its name in DNS, its Service, the rights and settings of its members, its record, its authority. Any number of
 * times, from whatever is left. The members' programs are not touched: an administrator stops them on their hosts.
 *
 * @throws HK_CLEANUP_PENDING  while a DNS server does not answer, unless `giveUp`: then an event tells what was left behind.
 */
export async function takeDown(pair: FailoverPair, giveUp: boolean, ports: PairPorts, log: Logger, signal: AbortSignal): Promise<void> {
  const left = await removeName(pair, ports, signal);
  if (left.length > 0) {
    const text = left.join('; ');
    if (!giveUp && left.some((each) => !each.endsWith(lostKey))) throw operatorErrors.HK_CLEANUP_PENDING(text);
    log.warn({ left: text }, 'a pair is deleted although something was left behind');
    ports.events.record(failoverPairs, pair, {
      type: 'Warning',
      reason: 'CleanUpGivenUp',
      action: 'Delete',
      note: `remove by hand: ${text}`,
    });
  }
  for (const type of ownedTypes) await removeOwned(type, pair, ports, signal);
  await removeOwned(secrets, pair, ports, signal, ({ metadata }) => metadata.name !== authoritySecretName(pair.metadata.name));
  await removeRecord(pair, ports, signal);
  await removeOwned(secrets, pair, ports, signal);
}

const lostKey = 'its TSIG key is gone';

/** Returns what could not be removed, in words. */
async function removeName(pair: FailoverPair, ports: PairPorts, signal: AbortSignal): Promise<readonly string[]> {
  const { dns } = pair.spec;
  if (dns === undefined) return [];
  const { namespace, uid } = pair.metadata;
  const entry = await readSecretRef(ports.foreign, { namespace, ...dns.tsigSecretRef, field: 'dns.tsigSecretRef' }, signal);
  const left = await Promise.all(
    dns.servers.map(async ({ address, port }): Promise<readonly string[]> => {
      const where = `the records of ${dns.name} at ${address} port ${port}`;
      if (!entry.found) return [`${where}: ${lostKey}`];
      const target = { server: { host: address, port }, key: { name: dns.tsigKeyName, secret: new Secret(entry.text) } };
      try {
        const seen = await readNameState(target, dns.name, ports, signal);
        if (seen.is !== 'owned' || seen.pairUid !== uid) return [];
        const removal = buildFailoverRemoval({ zone: dns.zone, name: dns.name, pairUid: uid, epoch: seen.epoch });
        const { result } = await sendUpdate(target.server, removal, target.key, ports, signal);
        return result === 'applied' ? [] : [`${where}: ${result}`];
      } catch (error) {
        signal.throwIfAborted();
        return [`${where}: ${messageOf(error)}`];
      }
    }),
  );
  return left.flat();
}

/** The record is retired by its own UID first: the admission policy lets nobody delete one that is not. */
async function removeRecord(pair: FailoverPair, { client }: PairPorts, signal: AbortSignal): Promise<void> {
  const { namespace, name, uid: owner } = pair.metadata;
  const record = await client.find(pairRecords, { namespace, name }, signal);
  if (record === undefined || record.metadata.labels?.[ownerUidLabel] !== owner) return;
  const { uid } = record.metadata;
  const body = { metadata: { uid, annotations: { [retiredAnnotation]: uid } } };
  await client.patch(pairRecords, { namespace, name }, { type: 'merge', body }, signal);
  await client.delete(pairRecords, { namespace, name }, { preconditions: { uid } }, signal).catch(ignoreGone);
}

async function removeOwned<T extends KubeObject>(
  type: ResourceType<T>,
  pair: FailoverPair,
  { client }: PairPorts,
  signal: AbortSignal,
  chosen: (object: T) => boolean = () => true,
): Promise<void> {
  const { namespace, uid } = pair.metadata;
  // Asked of the server: the cache may not show yet what was made a moment before the deletion.
  const { items } = await client.list(type, { namespace, labelSelector: `${ownerUidLabel}=${uid}` }, signal);
  for (const object of items.filter(chosen)) {
    const preconditions = object.metadata.uid === undefined ? {} : { preconditions: { uid: object.metadata.uid } };
    await client.delete(type, keyOf(object), preconditions, signal).catch(ignoreGone);
  }
}

function ignoreGone(error: unknown): void {
  if (!isKubeError(error, 'HK_KUBE_NOT_FOUND')) throw error;
}
