import type { FailoverPair } from '#lib/api/failoverpair.gen.ts';
import { failoverPairResource } from '#lib/api/failoverpair.gen.ts';
import type { Hall } from '#lib/api/hall.gen.ts';
import { hallResource } from '#lib/api/hall.gen.ts';
import type { PairRecord } from '#lib/api/pairrecord.gen.ts';
import { pairRecordResource } from '#lib/api/pairrecord.gen.ts';
import type { Terminal } from '#lib/api/terminal.gen.ts';
import { terminalResource } from '#lib/api/terminal.gen.ts';
import { defineResource } from '#lib/kube/objects.ts';
import type { KubeObject } from '#lib/kube/objects.ts';

/** What the demo applies and reads. */

export const halls = defineResource<Hall>(hallResource);
export const pairs = defineResource<FailoverPair>(failoverPairResource);
export const pairRecords = defineResource<PairRecord>(pairRecordResource);
export const terminals = defineResource<Terminal>(terminalResource);

export interface KubeSecret extends KubeObject {
  readonly type?: string;
  /** Values in Base64. */
  readonly data?: Readonly<Record<string, string>>;
  readonly stringData?: Readonly<Record<string, string>>;
}

export const secrets = defineResource<KubeSecret>({
  apiVersion: 'v1',
  kind: 'Secret',
  plural: 'secrets',
  namespaced: true,
  confidential: true,
});

export const namespaces = defineResource<KubeObject>({ apiVersion: 'v1', kind: 'Namespace', plural: 'namespaces', namespaced: false });

export const serviceAccounts = defineResource<KubeObject>({
  apiVersion: 'v1',
  kind: 'ServiceAccount',
  plural: 'serviceaccounts',
  namespaced: true,
});

/** The texts of a Secret by key. */
export function textsOf(secret: KubeSecret): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(secret.data ?? {}).map(([key, value]) => [key, Buffer.from(value, 'base64').toString('utf8')]));
}
