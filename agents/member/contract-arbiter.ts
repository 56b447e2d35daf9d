import type { Fields } from '#lib/base/fields.ts';
import type { Secret } from '#lib/base/secret.ts';
import { parseEndpoint } from '#lib/etcd/endpoint.ts';

/** The etcd that keeps the pair's record. */
export interface EtcdSettings {
  /** `https://HOST:PORT` each; all of one etcd. */
  readonly endpoints: readonly string[];
  /** The record's key is `<prefix>/<UID of the pair>`. */
  readonly prefix: string;
  /** The members' client certificate, and the authority of the servers' certificates. */
  readonly tls: { readonly certificate: string; readonly key: Secret; readonly authority: string };
}

/** Who decides which member leads. It never changes: two members that obey two arbiters are two primaries. */
export type ArbiterSettings = { readonly kind: 'kubernetes' } | ({ readonly kind: 'etcd' } & EtcdSettings);

const kubernetesArbiter: ArbiterSettings = { kind: 'kubernetes' };

const endpointsMax = 7;
const prefixShape = { pattern: /^(\/[-a-zA-Z0-9._]+){1,8}$/, shape: 'like /hallkeeper/pairs, without a slash at its end' } as const;

/** Reads `arbiter`: `{"kubernetes": {}}` or `{"etcd": {…}}`. Without it Kubernetes decides, as settings from before there was a choice mean it. */
export function readArbiter(field: Fields): ArbiterSettings {
  if (!field.has('arbiter')) {
    field.optionalText('arbiter');
    return kubernetesArbiter;
  }
  const arbiter = field.group('arbiter');
  if (arbiter.has('kubernetes') === arbiter.has('etcd')) field.problem('arbiter', 'must have exactly one of kubernetes and etcd');
  if (!arbiter.has('etcd')) {
    arbiter.group('kubernetes', { optional: true });
    arbiter.optionalText('etcd');
    return kubernetesArbiter;
  }
  const etcd = arbiter.group('etcd');
  const tls = etcd.group('tls');
  const endpoints = etcd.texts('endpoints', { min: 1, max: endpointsMax });
  for (const [index, endpoint] of endpoints.entries()) {
    if (parseEndpoint(endpoint) === undefined) etcd.problem(`endpoints[${index}]`, 'must be like https://10.20.0.13:2379');
  }
  return {
    kind: 'etcd',
    endpoints,
    prefix: etcd.text('prefix', prefixShape),
    tls: { certificate: tls.text('certificate'), key: tls.secret('key'), authority: tls.text('authority') },
  };
}

/** What `settings.json` holds of it, the key revealed. Nothing of Kubernetes: an older agent would refuse a word that it does not know. */
export function rawArbiter(arbiter: ArbiterSettings): { readonly arbiter?: object } {
  if (arbiter.kind === 'kubernetes') return {};
  const { endpoints, prefix, tls } = arbiter;
  return { arbiter: { etcd: { endpoints, prefix, tls: { ...tls, key: tls.key.reveal() } } } };
}
