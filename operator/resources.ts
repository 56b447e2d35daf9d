import type { DrillSchedule } from '#lib/api/drillschedule.gen.ts';
import { drillScheduleResource } from '#lib/api/drillschedule.gen.ts';
import type { FailoverPair } from '#lib/api/failoverpair.gen.ts';
import { failoverPairResource } from '#lib/api/failoverpair.gen.ts';
import type { Hall } from '#lib/api/hall.gen.ts';
import { hallResource } from '#lib/api/hall.gen.ts';
import type { PairOperation } from '#lib/api/pairoperation.gen.ts';
import { pairOperationResource } from '#lib/api/pairoperation.gen.ts';
import type { PairRecord } from '#lib/api/pairrecord.gen.ts';
import { pairRecordResource } from '#lib/api/pairrecord.gen.ts';
import type { Terminal } from '#lib/api/terminal.gen.ts';
import { terminalResource } from '#lib/api/terminal.gen.ts';
import { defineResource } from '#lib/kube/objects.ts';
import type { KubeObject } from '#lib/kube/objects.ts';

/** What the operator reads and writes: our own kinds, and those of Kubernetes in the part that we use. */

export const halls = defineResource<Hall>(hallResource);
export const terminals = defineResource<Terminal>(terminalResource);
export const failoverPairs = defineResource<FailoverPair>(failoverPairResource);
export const pairRecords = defineResource<PairRecord>(pairRecordResource);
export const pairOperations = defineResource<PairOperation>(pairOperationResource);
export const drillSchedules = defineResource<DrillSchedule>(drillScheduleResource);

export interface KubeSecret extends KubeObject {
  readonly type?: string;
  /** Values in Base64. */
  readonly data?: Readonly<Record<string, string>>;
  /** Values as text; written, never read. */
  readonly stringData?: Readonly<Record<string, string>>;
}

export const secrets = defineResource<KubeSecret>({
  apiVersion: 'v1',
  kind: 'Secret',
  plural: 'secrets',
  namespaced: true,
  confidential: true,
});

export interface KubeConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

export const configMaps = defineResource<KubeConfigMap>({ apiVersion: 'v1', kind: 'ConfigMap', plural: 'configmaps', namespaced: true });

export interface ServiceAccount extends KubeObject {
  readonly automountServiceAccountToken?: boolean;
}

export const serviceAccounts = defineResource<ServiceAccount>({
  apiVersion: 'v1',
  kind: 'ServiceAccount',
  plural: 'serviceaccounts',
  namespaced: true,
});

export interface PolicyRule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

export interface Role extends KubeObject {
  readonly rules: readonly PolicyRule[];
}

export const roles = defineResource<Role>({
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'Role',
  plural: 'roles',
  namespaced: true,
});

export interface RoleBinding extends KubeObject {
  readonly roleRef: { readonly apiGroup: string; readonly kind: string; readonly name: string };
  readonly subjects: readonly { readonly kind: string; readonly name: string; readonly namespace: string }[];
}

export const roleBindings = defineResource<RoleBinding>({
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'RoleBinding',
  plural: 'rolebindings',
  namespaced: true,
});

export interface Service extends KubeObject {
  readonly spec: {
    readonly type?: string;
    readonly selector?: Readonly<Record<string, string>>;
    readonly ports: readonly { readonly name: string; readonly port: number; readonly protocol: string; readonly targetPort: number }[];
  };
}

export const services = defineResource<Service>({ apiVersion: 'v1', kind: 'Service', plural: 'services', namespaced: true });

export interface EndpointSlice extends KubeObject {
  readonly addressType: 'IPv4' | 'IPv6';
  readonly endpoints: readonly { readonly addresses: readonly string[]; readonly conditions?: { readonly ready: boolean } }[] | null;
  readonly ports: readonly { readonly name: string; readonly port: number; readonly protocol: string }[] | null;
}

export const endpointSlices = defineResource<EndpointSlice>({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  plural: 'endpointslices',
  namespaced: true,
});
