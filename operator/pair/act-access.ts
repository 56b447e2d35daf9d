import type { FailoverPair } from '#lib/api/failoverpair.gen.ts';
import { ownedLabels, pairLabel } from '../labels.ts';
import { keepObject } from '../keep.ts';
import type { OperatorPorts } from '../frame.ts';
import { roleBindings, roles, serviceAccounts } from '../resources.ts';
import type { PolicyRule, Role, RoleBinding, ServiceAccount } from '../resources.ts';
import { isKeptInEtcd } from './known-record.ts';
import { memberKey, sliceName } from './pair-names.ts';

const rbacGroup = 'rbac.authorization.k8s.io';

/**
 * What a member may do, by name and nothing else: change its pair's record, read its own settings, and lead the pair's Service to itself.
 * Of the EndpointSlice an admission policy leaves it nothing but its own address under a higher epoch. They have no owner: with the
 * deletion policy Retain the members serve on, and need the record for the next failover.
 */
function memberRules(pair: FailoverPair, member: string): readonly PolicyRule[] {
  const { service } = pair.spec;
  const record = {
    apiGroups: ['hallkeeper.dev'],
    resources: ['pairrecords'],
    resourceNames: [pair.metadata.name],
    verbs: ['get', 'watch', 'update'],
  };
  return [
    ...(isKeptInEtcd(pair) ? [] : [record]),
    { apiGroups: [''], resources: ['secrets'], resourceNames: [memberKey(pair, member).name], verbs: ['get', 'watch'] },
    ...(service === undefined
      ? []
      : [
          {
            apiGroups: ['discovery.k8s.io'],
            resources: ['endpointslices'],
            resourceNames: [sliceName(service.name)],
            verbs: ['get', 'update'],
          },
        ]),
  ];
}

/** ServiceAccount, Role and RoleBinding of one member. Returns the account. @throws HK_OBJECT_FOREIGN */
export async function keepAccess(
  pair: FailoverPair,
  member: string,
  { client, caches }: Pick<OperatorPorts, 'client' | 'caches'>,
  signal: AbortSignal,
): Promise<ServiceAccount> {
  const key = memberKey(pair, member);
  const metadata = { ...key, labels: ownedLabels(pairLabel, pair) };
  // No pod runs under this account; its tokens are asked for one by one.
  const account: ServiceAccount = { metadata, automountServiceAccountToken: false };
  const kept = await keepObject(serviceAccounts, account, caches.serviceAccounts.get(key), client, signal);
  const role: Role = { metadata, rules: memberRules(pair, member) };
  await keepObject(roles, role, caches.roles.get(key), client, signal);
  const binding: RoleBinding = {
    metadata,
    roleRef: { apiGroup: rbacGroup, kind: 'Role', name: key.name },
    subjects: [{ kind: 'ServiceAccount', name: key.name, namespace: key.namespace }],
  };
  await keepObject(roleBindings, binding, caches.roleBindings.get(key), client, signal);
  return kept.object;
}
