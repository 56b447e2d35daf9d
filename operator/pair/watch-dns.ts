import type { FailoverPair } from '#lib/api/failoverpair.gen.ts';
import { within } from '#lib/base/deadline.ts';
import { codeOf, messageOf } from '#lib/base/errors.ts';
import type { Logger } from '#lib/base/log.ts';
import { Secret } from '#lib/base/secret.ts';
import { readNameState, setFailoverRecord } from '#lib/dns/act-failover-record.ts';
import { outcomeInWords } from '#lib/dns/record-outcome.ts';
import type { UpdateTarget } from '#lib/dns/act-failover-record.ts';
import type { FailoverRecord } from '#lib/dns/failover-record.ts';
import type { Reconcile } from '#lib/kube/controller.ts';
import { readSecretRef } from '../foreign-secrets.ts';
import type { ForeignSecrets } from '../foreign-secrets.ts';
import type { OperatorPorts } from '../frame.ts';
import type { Nudge } from '../nudge.ts';
import { failoverPairs } from '../resources.ts';
import { judgeName, judgeRepair, wantedName } from './decide-dns.ts';
import type { Observations } from './observations.ts';
import { knownRecord } from './known-record.ts';
import type { DnsServerView, DnsView } from './pair-view.ts';

/** How often the name servers are asked. */
export interface DnsPace {
  readonly everyMs: number;
  /** Chance is added up to this, so that the looks at many pairs spread. */
  readonly jitterMs: number;
  /** While a name is on its way the next look comes sooner: it is over in a moment, or the operator has to help. */
  readonly movingAgainMs: number;
}

/** For all that one look asks of one server, and for one repair: a sick server keeps a look from ending no longer. */
const lookMaxMs = 6_000;
const repairMaxMs = 6_000;

export interface WatchDnsPorts extends Pick<OperatorPorts, 'caches' | 'clock' | 'random' | 'events'> {
  readonly foreign: ForeignSecrets;
  readonly observations: Observations;
  readonly observed: Nudge;
}

/**
 * Asks every authoritative server of a pair's name what it shows, all at the same time, and mends one that has stayed behind. The member
 * that leads writes the name itself, at once; a repair waits for the next look, so that the two hardly meet. Where they do, they write
 * the same, and the epoch guards both.
 */
export function watchDns(ports: WatchDnsPorts, { everyMs, jitterMs, movingAgainMs }: DnsPace): Reconcile {
  const { caches, observations, observed, random, foreign } = ports;
  return async (key, { signal, log }) => {
    const pair = caches.pairs.get(key);
    if (pair === undefined || pair.metadata.deletionTimestamp !== undefined) return undefined;
    const { uid, namespace } = pair.metadata;
    const { dns } = pair.spec;
    if (dns === undefined) {
      observations.sawDns(uid, undefined);
      return undefined;
    }
    const wanted = wantedName(pair, knownRecord(pair, ports)?.spec);
    if (wanted === undefined) return { requeueAfterMs: everyMs };
    const entry = await readSecretRef(foreign, { namespace, ...dns.tsigSecretRef, field: 'dns.tsigSecretRef' }, signal);
    if (!entry.found) return { requeueAfterMs: everyMs + random.below(jitterMs) };
    const known = observations.of(uid).dns;
    const before = known?.epoch === wanted.epoch ? known.servers : [];
    const secret = new Secret(entry.text);
    const servers = await Promise.all(
      dns.servers.map(({ address, port }) => {
        const target: UpdateTarget = { server: { host: address, port }, key: { name: dns.tsigKeyName, secret } };
        return watchServer({ pair, target, wanted, before, ports, log }, signal);
      }),
    );
    const view: DnsView = { epoch: wanted.epoch, servers };
    observations.sawDns(uid, view);
    observed.tell(key);
    const nextMs = servers.some(({ state }) => state === 'moving') ? movingAgainMs : everyMs;
    return { requeueAfterMs: nextMs + random.below(jitterMs) };
  };
}

interface ServerWatch {
  readonly pair: FailoverPair;
  readonly target: UpdateTarget;
  readonly wanted: FailoverRecord;
  /** What all servers showed when they were last asked for this epoch. */
  readonly before: readonly DnsServerView[];
  readonly ports: WatchDnsPorts;
  readonly log: Logger;
}

async function watchServer({ pair, target, wanted, before, ports, log }: ServerWatch, signal: AbortSignal): Promise<DnsServerView> {
  const { clock, random, events } = ports;
  const server = `${target.server.host} port ${target.server.port}`;
  const look = async (): Promise<ReturnType<typeof judgeName>> => {
    const limited = within(lookMaxMs, `the look at ${server}`, signal);
    const seen = await readNameState(target, wanted.name, { clock, random }, limited);
    return judgeName(wanted, seen, before.find((each) => each.server === server)?.state);
  };
  try {
    const { repair, ...found } = await look();
    if (!repair) return { server, ...found };
    const limited = within(repairMaxMs, `the repair of ${server}`, signal);
    const outcome = await setFailoverRecord(target, wanted, undefined, { clock, random }, limited);
    log.warn({ server, epoch: wanted.epoch, outcome: outcomeInWords(outcome), before: found.says }, 'a DNS server was told again');
    const left = judgeRepair(outcome);
    if (left !== undefined) return { server, ...left };
    if (outcome.outcome === 'applied') {
      const note = `${server}: ${found.says}; it was told again that ${wanted.name} leads to ${wanted.address}`;
      events.record(failoverPairs, pair, { type: 'Normal', reason: 'NameRepaired', action: 'WriteName', note });
    }
    const { repair: _again, ...now } = await look();
    return { server, ...now };
  } catch (error) {
    signal.throwIfAborted();
    return { server, state: stateOf(error), says: messageOf(error) };
  }
}

function stateOf(error: unknown): DnsServerView['state'] {
  const code = codeOf(error);
  if (code === 'HK_DNS_UNREACHABLE') return 'unreachable';
  return code === 'HK_DNS_UNAUTHENTICATED' || code === 'HK_DNS_KEY_INVALID' ? 'refused' : 'failing';
}
