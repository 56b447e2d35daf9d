import { expect, test } from 'vitest';
import { messageOf } from '#lib/base/errors.ts';
import { silentLog } from '#lib/base/log.ts';
import { Secret } from '#lib/base/secret.ts';
import { createAuthority } from '#lib/pki/authority.ts';
import { issueLeaf } from '#lib/pki/leaf.ts';
import type { ArbiterSettings } from './contract.ts';
import { refuseUnusable, withoutRefused } from './instance-settings.ts';
import { resolveMemberOptions } from './member-options.ts';
import { anEtcd, someSettings } from './testing/settings.ts';

const options = resolveMemberOptions({ stateDirectory: '/var/lib/x', dataDirectory: '/var/lib/y', postgresql: { user: 'postgres' } });
const etcd = anEtcd();

async function certificate(): Promise<Extract<ArbiterSettings, { kind: 'etcd' }>['tls']> {
  const authority = await createAuthority({ commonName: 'etcd ca', nowMs: Date.now() });
  const identity = { kind: 'operator', trustDomain: 'etcd.test' } as const;
  const leaf = await issueLeaf(authority, { identity, commonName: 'member', usages: ['client'], nowMs: Date.now() });
  return { certificate: leaf.certificatePem, key: leaf.privateKeyPem, authority: authority.certificatePem };
}

const refusal = (arbiter: ArbiterSettings): string => {
  try {
    refuseUnusable(options, someSettings({ arbiter }));
    return 'accepted';
  } catch (error) {
    return messageOf(error);
  }
};

test('settings whose certificate for etcd can be used are accepted, and so are those of Kubernetes', async () => {
  expect(refusal({ kind: 'kubernetes' })).toBe('accepted');
  expect(refusal({ ...etcd, tls: await certificate() })).toBe('accepted');
});

test('settings with which etcd cannot be called never take the place of those that work, and their key is not told', async () => {
  const [one, other] = [await certificate(), await certificate()];
  expect(refusal({ ...etcd, tls: { ...one, certificate: 'none' } })).toContain('certificate and key for etcd cannot be used');
  expect(refusal({ ...etcd, tls: { ...one, key: other.key } })).toContain('certificate and key for etcd cannot be used');
  expect(refusal({ ...etcd, tls: { ...one, key: new Secret('the-etcd-key') } })).not.toContain('the-etcd-key');
});

test('a parameter that an earlier version had taken and this one refuses is left out, and the agent runs', () => {
  const settings = someSettings();
  const kept = { ...settings, postgresql: { ...settings.postgresql, parameters: { work_mem: '8MB', statement_timeout: '2s' } } };
  expect(() => refuseUnusable(options, kept)).toThrow('statement_timeout');
  const without = withoutRefused(kept, silentLog);
  refuseUnusable(options, without);
  expect(without.postgresql.parameters).toEqual({ work_mem: '8MB' });
});
