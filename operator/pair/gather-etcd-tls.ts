import type { FailoverPair } from '#lib/api/failoverpair.gen.ts';
import { messageOf } from '#lib/base/errors.ts';
import { Secret } from '#lib/base/secret.ts';
import { tlsProblem } from '#lib/etcd/connections.ts';
import { readCertificate, splitCertificates } from '#lib/pki/inspect.ts';
import { readSecretRef } from '../foreign-secrets.ts';
import type { ForeignSecrets } from '../foreign-secrets.ts';
import type { EtcdTlsView } from './pair-view.ts';

const keys = ['tls.crt', 'tls.key', 'ca.crt'] as const;

/** The certificate with which the members call etcd, from the Secret that the spec names; every problem of it at once. */
export async function gatherEtcdTls(pair: FailoverPair, foreign: ForeignSecrets, signal: AbortSignal): Promise<EtcdTlsView | undefined> {
  const { etcd } = pair.spec.arbiter;
  if (etcd === undefined) return undefined;
  const { name } = etcd.tlsSecretRef;
  const field = 'arbiter.etcd.tlsSecretRef';
  const { namespace } = pair.metadata;
  const entries = await Promise.all(keys.map((key) => readSecretRef(foreign, { namespace, name, key, field }, signal)));
  const missing = entries.flatMap((entry) => (entry.found ? [] : [entry.says]));
  if (missing.length > 0) return { found: false, says: [...new Set(missing)] };
  const [certificate = '', key = '', authority = ''] = entries.map((entry) => (entry.found ? `${entry.text}\n` : ''));
  const tls = { certificate, key: new Secret(key), authority };
  const problems = [...certificateProblem('tls.crt', certificate), ...certificateProblem('ca.crt', authority)];
  const unusable = problems.length > 0 ? undefined : tlsProblem(tls);
  const says = [...problems, ...(unusable === undefined ? [] : [unusable])].map((each) => `the Secret ${name} of ${field}: ${each}`);
  return says.length === 0 ? { found: true, tls } : { found: false, says };
}

function certificateProblem(key: string, pem: string): readonly string[] {
  try {
    return splitCertificates(pem).map(readCertificate).length > 0 ? [] : [`${key} holds no certificate in PEM`];
  } catch (error) {
    return [`${key} cannot be read: ${messageOf(error)}`];
  }
}
