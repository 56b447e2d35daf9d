import { isDeepStrictEqual } from 'node:util';
import { holds } from '#lib/kube/apply.ts';
import { keyOf } from '#lib/kube/objects.ts';
import type { ObjectKey, OwnerReference } from '#lib/kube/objects.ts';
import { inspectCertificate } from '#lib/pki/inspect.ts';
import { issueLeaf } from '#lib/pki/leaf.ts';
import type { LeafNames } from '#lib/pki/leaf.ts';
import { decideLeaf, leafDueAtMs } from '#lib/pki/renewal.ts';
import type { Authority } from '#lib/pki/authority.ts';
import { operatorErrors } from '../errors.ts';
import type { OperatorPorts } from '../frame.ts';
import { hallLabel, managedBy, managedByLabel } from '../labels.ts';
import { secrets } from '../resources.ts';
import type { KubeSecret } from '../resources.ts';
import { decodeData, encodeData } from '../secret-data.ts';

/** A certificate of the hall's authority as a Secret of type kubernetes.io/tls, for somebody who calls the pair. */
export interface LeafWanted {
  readonly key: ObjectKey & { readonly namespace: string };
  readonly labels: Readonly<Record<string, string>>;
  /** Deleted with it. */
  readonly owner: OwnerReference;
  readonly names: LeafNames;
  readonly signWith: Authority;
  /** PEM of the authorities of the pair, which the holder trusts. */
  readonly trustPem: string;
  /** What else the Secret holds. */
  readonly more: Readonly<Record<string, string>>;
}

export interface KeptLeaf {
  /** When the certificate ends, and when it is to be renewed; wall time. */
  readonly notAfterMs: number;
  readonly dueAtMs: number;
}

export const certificateKey = 'tls.crt';
const privateKeyKey = 'tls.key';
const trustKey = 'ca.crt';

/**
 * What was found good about a Secret as it stands in the cache: reading and verifying a certificate takes a millisecond, and a hall has
 * thousands. It goes with the object.
 */
const found = new WeakMap<KubeSecret, { readonly wanted: string; readonly kept: KeptLeaf }>();

/**
 * Brings the Secret to what is wanted; the certificate stays until its time comes, its names or its authority change.
 *
 * @throws HK_KUBE_CONFLICT, HK_KUBE_EXISTS  when somebody was quicker: look again.
 * @throws HK_OBJECT_FOREIGN  when a Secret of this name is there that is not ours, or belongs to another hall.
 */
export async function keepLeaf(
  wanted: LeafWanted,
  { client, clock, caches }: Pick<OperatorPorts, 'client' | 'clock'> & { readonly caches: Pick<OperatorPorts['caches'], 'secrets'> },
  signal: AbortSignal,
): Promise<KeptLeaf> {
  const { key, labels, owner, names, signWith, trustPem, more } = wanted;
  // The cache holds only what is ours, and may be behind: without the present certificate a second one would be issued.
  const seen = caches.secrets.get(key) ?? (await client.find(secrets, key, signal));
  if (seen !== undefined) requireOurs(seen, labels);
  const nowMs = clock.wallMs();
  const wantedText = JSON.stringify([labels, owner, names, signWith.certificatePem, trustPem, more]);
  const known = seen === undefined ? undefined : found.get(seen);
  if (known !== undefined && known.wanted === wantedText && nowMs < known.kept.dueAtMs) return known.kept;
  const data = seen === undefined ? {} : decodeData(seen);
  const question = { certificatePem: data[certificateKey], wanted: names, authorityPem: signWith.certificatePem, nowMs };
  const keep = data[privateKeyKey] !== undefined && decideLeaf(question).do === 'keep';
  const leaf = keep ? undefined : await issueLeaf(signWith, { ...names, nowMs });
  const certificatePem = leaf?.certificatePem ?? data[certificateKey] ?? '';
  const next = encodeData({
    ...more,
    [certificateKey]: certificatePem,
    [privateKeyKey]: leaf?.privateKeyPem.reveal() ?? data[privateKeyKey] ?? '',
    [trustKey]: trustPem,
  });
  const desired: KubeSecret = {
    metadata: { ...key, labels: { [managedByLabel]: managedBy, ...labels }, ownerReferences: [owner] },
    type: 'kubernetes.io/tls',
    data: next,
  };
  const isAsWanted = seen !== undefined && holds(seen, desired) && isDeepStrictEqual(seen.data, next);
  // In the version that was read: a certificate that somebody renewed meanwhile is not thrown away for this one.
  if (seen === undefined) await client.create(secrets, desired, signal);
  else if (!isAsWanted) await client.update(secrets, over(seen, desired), signal);
  const facts = inspectCertificate(certificatePem);
  const kept = { notAfterMs: facts.notAfterMs, dueAtMs: leafDueAtMs(facts) };
  if (isAsWanted) found.set(seen, { wanted: wantedText, kept });
  return kept;
}

function over(seen: KubeSecret, desired: KubeSecret): KubeSecret {
  const labels = { ...seen.metadata.labels, ...desired.metadata.labels };
  return { ...seen, ...desired, metadata: { ...seen.metadata, ...desired.metadata, labels } };
}

function requireOurs(secret: KubeSecret, labels: LeafWanted['labels']): void {
  const own = secret.metadata.labels ?? {};
  if (own[managedByLabel] === managedBy && own[hallLabel] === labels[hallLabel]) return;
  throw operatorErrors.HK_OBJECT_FOREIGN(`Secret ${keyOf(secret).name}; delete or rename it`);
}
