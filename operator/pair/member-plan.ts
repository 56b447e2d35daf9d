import { createHash } from 'node:crypto';
import { formatMemberSettings, parseMemberSettings, settingsFormat } from '#agents/member/contract.ts';
import type { ArbiterSettings, HallServerPlan, MemberSettings } from '#agents/member/contract.ts';
import type { FailoverPair, FailoverPairMember } from '#lib/api/failoverpair.gen.ts';
import { parseDurationMs } from '#lib/base/duration.ts';
import { invariant } from '#lib/base/invariant.ts';
import type { Secret } from '#lib/base/secret.ts';
import type { LeafNames } from '#lib/pki/leaf.ts';
import { sliceName } from './pair-names.ts';
import { isPaused } from './paused.ts';

/** The settings of a member without what is issued to it: certificate, key, and the digest of the whole. */
export type MemberPlan = Omit<MemberSettings, 'tls' | 'revision'>;

export interface PlanSources {
  readonly pair: FailoverPair;
  readonly trustDomain: string;
  /** Present exactly when the spec has DNS. */
  readonly tsigSecret: Secret | undefined;
  /** Present exactly when the arbiter is an etcd. */
  readonly etcdTls: Extract<ArbiterSettings, { kind: 'etcd' }>['tls'] | undefined;
  /** The hall that is served, and the bundle of its authorities; absent while there is none. */
  readonly hall: { readonly name: string; readonly authority: string } | undefined;
}

/** What a member of an accepted pair is told. */
export function planMember(member: string, { pair, trustDomain, tsigSecret, etcdTls, hall }: PlanSources): MemberPlan {
  const { metadata, spec } = pair;
  const self = spec.members.find(({ name }) => name === member);
  const peer = spec.members.find(({ name }) => name !== member);
  invariant(self !== undefined && peer !== undefined, `a pair has two members, ${member} among them`);
  const { dns, postgresql, hallServer } = spec;
  return {
    formatVersion: settingsFormat,
    trustDomain,
    pair: { name: metadata.name, namespace: metadata.namespace, uid: metadata.uid },
    self: placeOf(self),
    peer: placeOf(peer),
    founder: spec.members[0]?.name ?? member,
    adminPort: hallServer.adminPort,
    arbiter: arbiterOf(pair, etcdTls),
    postgresql: {
      port: postgresql.port,
      parameters: postgresql.parameters ?? {},
      databases: postgresql.databases ?? [],
      slotKeepMegabytes: postgresql.slotKeepMegabytes,
    },
    detection: {
      periodMs: ms(spec.detection.period),
      suspectAfterMs: ms(spec.detection.suspectAfter),
      degradeAfterMs: ms(spec.detection.degradeAfter),
      degradeSlowAfterMs: ms(spec.detection.degradeSlowAfter),
      canaryStaleAfterMs: ms(spec.detection.canaryStaleAfter),
    },
    whenStandbyLost: spec.whenStandbyLost === 'Block' ? 'block' : 'continue',
    paused: isPaused(pair),
    dns:
      dns === undefined || tsigSecret === undefined
        ? undefined
        : {
            zone: dns.zone,
            name: dns.name,
            ttlSeconds: dns.ttl,
            servers: dns.servers.map(({ address, port }) => ({ host: address, port })),
            tsig: { name: dns.tsigKeyName, secret: tsigSecret },
          },
    service: spec.service === undefined ? undefined : { slice: sliceName(spec.service.name) },
    hallServer: hall === undefined ? undefined : hallPlan(pair, hall),
  };
}

/** The names in the certificate of the member that has this plan. Peers, operator and terminals check the identity, PostgreSQL clients the DNS name. */
export function leafNamesOf({ trustDomain, pair, self, dns }: MemberPlan): LeafNames {
  return {
    identity: { kind: 'member', trustDomain, pairUid: pair.uid, name: self.name },
    commonName: 'hallkeeper-member',
    dnsNames: dns === undefined ? [] : [dns.name.toLowerCase()],
    ipAddresses: [self.address],
    usages: ['server', 'client'],
  };
}

/**
 * The whole settings, with the digest by which the agent says that it has them. Read back once, so that equal settings are equal texts
 * whatever order their fields came in, and nothing is written that an agent would refuse.
 *
 * @throws HK_OPTIONS_INVALID
 */
export function completeSettings(plan: MemberPlan, tls: MemberSettings['tls']): MemberSettings {
  const draft = parseMemberSettings(JSON.parse(formatMemberSettings({ ...plan, tls, revision: draftRevision })));
  const digest = createHash('sha256').update(formatMemberSettings(draft)).digest('hex');
  return { ...draft, revision: digest.slice(0, revisionLength) };
}

const draftRevision = 'draft';
/** Enough that two of one pair never meet. */
const revisionLength = 16;

function hallPlan({ spec }: FailoverPair, { name, authority }: { readonly name: string; readonly authority: string }): HallServerPlan {
  const { port, metricsPort } = spec.hallServer;
  return { hall: name, port, metricsPort: metricsPort ?? 0, hallAuthority: authority };
}

/** Below this the records of all pairs stand, each under its UID. An etcd with users of its own gives the members' right to it. */
const etcdPrefix = '/hallkeeper/pairs';

function arbiterOf({ spec }: FailoverPair, tls: PlanSources['etcdTls']): ArbiterSettings {
  const { etcd } = spec.arbiter;
  if (etcd === undefined) return { kind: 'kubernetes' };
  invariant(tls !== undefined, 'a pair without a certificate for its etcd is refused');
  return { kind: 'etcd', endpoints: etcd.endpoints, prefix: etcdPrefix, tls };
}

function placeOf({ name, host }: FailoverPairMember): { readonly name: string; readonly address: string } {
  invariant(host !== undefined, `only members of kind host are planned: ${name}`);
  return { name, address: host.address };
}

function ms(text: string): number {
  const parsed = parseDurationMs(text);
  invariant(parsed !== undefined, `durations were checked before: ${text}`);
  return parsed;
}
