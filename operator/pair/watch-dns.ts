import type { FailoverPair } from '#lib/api/failoverpair.gen.ts';
import { messageOf } from '#lib/base/errors.ts';
import { Secret } from '#lib/base/secret.ts';
import { readNameState, setFailoverRecord } from '#lib/dns/act-failover-record.ts';
import type { UpdateTarget } from '#lib/dns/act-failover-record.ts';
import { isInSync } from '#lib/dns/failover-record.ts';
import type { FailoverRecord, NameState } from '#lib/dns/failover-record.ts';
import type { Reconcile } from '#lib/kube/controller.ts';
import { codeOf } from '#lib/base/errors.ts';
import { readSecretRef } from '../foreign-secrets.ts';
import type { ForeignSecrets } from '../foreign-secrets.ts';
import type { OperatorPorts } from '../frame.ts';
import type { Nudge } from '../nudge.ts';
import type { Observations } from './observations.ts';
import { ownRecord } from './own-objects.ts';
import type { DnsServerView, DnsView } from './pair-view.ts';

export const dnsEveryMs = 10_000;
const dnsJitterMs = 1_000;

export interface WatchDnsPorts extends Pick<OperatorPorts, 'caches' | 'clock' | 'random'> {
  readonly foreign: ForeignSecrets;
  readonly observations: Observations;
  readonly observed: Nudge;
}

/**
 * Asks every authoritative server of a pair's name what it shows, and mends one that has stayed behind. The member that leads writes the
 * name itself, at once; a repair waits for the next look, so that the two do not meet, and the epoch guards both.
 */
export function watchDns(ports: WatchDnsPorts): Reconcile {
  const { caches, observations, observed, random, foreign } = ports;
  return async (key, { signal, log }) => {
    const pair = caches.pairs.get(key);
    if (pair === undefined || pair.metadata.deletionTimestamp !== undefined) return undefined;
    const { uid, namespace } = pair.metadata;
    const { dns } = pair.spec;
    const wanted = wantedName(pair, ownRecord(pair, caches)?.spec);
    if (dns === undefined || wanted === undefined) {
      observations.sawDns(uid, undefined);
      return dns === undefined ? undefined : { requeueAfterMs: dnsEveryMs };
    }
    const entry = await readSecretRef(foreign, { namespace, ...dns.tsigSecretRef, field: 'dns.tsigSecretRef' }, signal);
    if (entry.found) {
      const before = observations.of(uid).dns;
      const secret = new Secret(entry.text);
      const views = await Promise.all(
        dns.servers.map(async ({ address, port }): Promise<DnsServerView> => {
          const target: UpdateTarget = { server: { host: address, port }, key: { name: dns.tsigKeyName, secret } };
          const view = await lookAt(target, wanted, ports, signal);
          const again =
            before?.epoch === wanted.epoch && before.servers.some((each) => each.server === view.server && each.state === 'behind');
          if (view.state !== 'behind' || !again) return view;
          const { outcome } = await setFailoverRecord(target, wanted, undefined, ports, signal);
          log.info({ server: view.server, epoch: wanted.epoch, outcome }, 'a DNS server that had stayed behind was told again');
          return outcome === 'applied' || outcome === 'unchanged' ? lookAt(target, wanted, ports, signal) : view;
        }),
      );
      const view: DnsView = { epoch: wanted.epoch, servers: views };
      observations.sawDns(uid, view);
      observed.tell(key);
    }
    return { requeueAfterMs: dnsEveryMs + random.below(dnsJitterMs) };
  };
}

/** What the name should show; undefined while nobody leads. */
function wantedName(
  { metadata, spec }: FailoverPair,
  record: { readonly mode: string; readonly primary?: string; readonly epoch: number } | undefined,
): FailoverRecord | undefined {
  const address = spec.members.find(({ name }) => name === record?.primary)?.host?.address;
  if (spec.dns === undefined || record === undefined || address === undefined) return undefined;
  if (record.mode !== 'Sync' && record.mode !== 'Solo') return undefined;
  const { zone, name, ttl } = spec.dns;
  return { zone, name, ttlSeconds: ttl, address, pairUid: metadata.uid, epoch: record.epoch };
}

async function lookAt(
  target: UpdateTarget,
  wanted: FailoverRecord,
  { clock, random }: Pick<WatchDnsPorts, 'clock' | 'random'>,
  signal: AbortSignal,
): Promise<DnsServerView> {
  const server = `${target.server.host} port ${target.server.port}`;
  try {
    const seen = await readNameState(target, wanted.name, { clock, random }, signal);
    return { server, ...judge(wanted, seen) };
  } catch (error) {
    signal.throwIfAborted();
    const refused = codeOf(error) === 'HK_DNS_UNAUTHENTICATED' || codeOf(error) === 'HK_DNS_REFUSED';
    return { server, state: refused ? 'refused' : 'unreachable', says: messageOf(error) };
  }
}

function judge(wanted: FailoverRecord, seen: NameState): Pick<DnsServerView, 'state' | 'says'> {
  if (isInSync(wanted, seen)) return { state: 'in sync', says: '' };
  if (seen.is === 'foreign') return { state: 'foreign', says: seen.says };
  if (seen.is === 'absent') return { state: 'behind', says: 'it has no record' };
  if (seen.pairUid !== wanted.pairUid) return { state: 'foreign', says: `it belongs to pair ${seen.pairUid}` };
  return { state: 'behind', says: `it shows ${seen.addresses.join(', ')} of epoch ${seen.epoch}` };
}
