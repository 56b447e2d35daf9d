import { Secret } from '#lib/base/secret.ts';
import type { KubeClient } from '#lib/kube/client.ts';
import { loadAuthority } from '#lib/pki/authority.ts';
import type { Authority } from '#lib/pki/authority.ts';
import { trustDomainDefault } from '#lib/pki/trust-domain.ts';
import { issueLeaf } from '#lib/pki/leaf.ts';
import { database, namespace, pairName } from './names.ts';
import { secrets, textsOf } from './resources.ts';
import type { WriterWish } from './writer.ts';

/** A year, as an administrator would give to an application. */
const lifetimeDays = 365;

/**
 * Certificate of the application that writes to the pair, signed by the administrator with the pair's authority: its common name is the
 * role by which PostgreSQL lets it in.
 */
export async function databaseClient(admin: KubeClient, pairUid: string, signal: AbortSignal): Promise<WriterWish['tls']> {
  const name = `hallkeeper-${pairName}-ca`;
  const texts = textsOf(await admin.get(secrets, { namespace, name }, signal));
  const identity = { kind: 'client', trustDomain: trustDomainDefault, pairUid, role: database.owner } as const;
  const leaf = await issueLeaf(newest(texts), {
    identity,
    commonName: database.owner,
    usages: ['client'],
    nowMs: Date.now(),
    lifetimeDays,
  });
  return { authority: texts['ca.crt'] ?? '', certificate: leaf.certificatePem, key: leaf.privateKeyPem };
}

/** Of the authorities in the Secret the one that is valid longest. */
function newest(texts: Readonly<Record<string, string>>): Authority {
  const files = Object.keys(texts).filter((key) => /^authority-[0-9a-f]+\.crt$/.test(key));
  const all = files.map((file) =>
    loadAuthority({ certificatePem: texts[file] ?? '', privateKeyPem: new Secret(texts[file.replace(/crt$/, 'key')] ?? '') }),
  );
  const [first] = all.toSorted((one, other) => other.notAfterMs - one.notAfterMs);
  if (first === undefined) throw new Error('the Secret of the authority of the pair holds no authority');
  return first;
}
