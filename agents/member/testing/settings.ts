import { Secret } from '#lib/base/secret.ts';
import { defaultLimits } from '#lib/pair/limits.ts';
import type { ArbiterSettings, EnrolmentBundle, MemberSettings } from '../contract.ts';

/** Settings of member `a` of `pair-7` that name everything; with the changes asked for. */
export function someSettings(change: Partial<MemberSettings> = {}): MemberSettings {
  const { periodMs, suspectAfterMs, degradeAfterMs, degradeSlowAfterMs, canaryStaleAfterMs } = defaultLimits;
  return {
    formatVersion: 1,
    revision: 'r1',
    trustDomain: 'hallkeeper.dev',
    pair: { name: 'pair-7', namespace: 'hall-7', uid: '5b1e2f4a-0000-4000-8000-000000000007' },
    self: { name: 'a', address: '10.20.0.11' },
    peer: { name: 'b', address: '10.20.0.12' },
    founder: 'a',
    adminPort: 7_443,
    arbiter: { kind: 'kubernetes' },
    postgresql: { port: 5_432, parameters: { work_mem: '8MB' }, databases: [{ name: 'app', owner: 'app' }], slotKeepMegabytes: 1_024 },
    detection: { periodMs, suspectAfterMs, degradeAfterMs, degradeSlowAfterMs, canaryStaleAfterMs },
    whenStandbyLost: 'continue',
    paused: false,
    tls: { certificate: 'a certificate', key: new Secret('the-private-key'), authority: 'an authority' },
    dns: {
      zone: 'hall.test',
      name: 'pair.hall.test',
      ttlSeconds: 1,
      servers: [{ host: '10.20.0.2', port: 53 }],
      tsig: { name: 'hallkeeper', secret: new Secret('the-tsig-secret') },
    },
    service: { slice: 'pair-7-hallkeeper' },
    hallServer: { hall: 'hall-7', port: 7_000, metricsPort: 0, hallAuthority: 'the authority of the hall' },
    ...change,
  };
}

/** An etcd of the hall as arbiter. */
export function anEtcd(): Extract<ArbiterSettings, { kind: 'etcd' }> {
  return {
    kind: 'etcd',
    endpoints: ['https://10.20.0.13:2379', 'https://[fd00::13]:2379', 'https://etcd.hall.test:2379'],
    prefix: '/hallkeeper/pairs',
    tls: { certificate: 'a client certificate', key: new Secret('the-etcd-key'), authority: 'the authority of etcd' },
  };
}

export function aBundle(change: Partial<EnrolmentBundle> = {}): EnrolmentBundle {
  return {
    server: 'https://10.20.0.1:6443',
    authority: 'the authority of the API server',
    token: new Secret('the-token'),
    namespace: 'hall-7',
    pair: 'pair-7',
    member: 'a',
    ...change,
  };
}
