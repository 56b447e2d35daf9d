import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '#lib/base/clock.ts';
import { messageOf } from '#lib/base/errors.ts';
import { Secret } from '#lib/base/secret.ts';
import type { KubeClient } from '#lib/kube/client.ts';
import { createAuthority, loadAuthority } from '#lib/pki/authority.ts';
import type { Authority } from '#lib/pki/authority.ts';
import { inspectCertificate, joinCertificates } from '#lib/pki/inspect.ts';
import { decideAuthorities } from '#lib/pki/renewal.ts';
import { operatorErrors } from './errors.ts';
import { hasSameOwner } from './labels.ts';
import { decodeData, encodeData } from './secret-data.ts';
import { secrets } from './resources.ts';
import type { KubeSecret } from './resources.ts';

/**
 * A certification authority of ours as a Secret. Several while one follows the other:
 *
 *   ca.crt                   All that are trusted, oldest first: what others put into their bundles.
 *   authority-<serial>.crt   One authority,
 *   authority-<serial>.key   and its key.
 *
 * It has no owner: a clean-up must never take it from halls and pairs that live.
 */
export interface KeptAuthority {
  /** Signs new leaves. */
  readonly signWith: Authority;
  /** PEM of all that are trusted, oldest first. */
  readonly bundlePem: string;
  readonly secret: KubeSecret;
}

export const bundleKey = 'ca.crt';

export interface AuthorityWanted {
  readonly namespace: string;
  readonly name: string;
  /** Of `ownedLabels`. */
  readonly labels: Readonly<Record<string, string>>;
  /** Why none may be made, as `decideAuthorityLoss` says it. Absent: there was none before. */
  readonly loss: string | undefined;
}

interface AuthorityPorts {
  readonly client: Pick<KubeClient, 'create' | 'update' | 'find'>;
  readonly clock: Clock;
}

/**
 * The authority in its Secret: made when there is none, followed by a successor when its time comes, never made twice.
 *
 * @param seen  The Secret from the cache.
 * @throws HK_AUTHORITY_UNREADABLE  when the Secret is there but damaged: a new authority would cut off everybody who trusts the old.
 * @throws HK_AUTHORITY_LOST        when the Secret is gone, and what it signed is still there.
 * @throws HK_OBJECT_FOREIGN, and HK_KUBE_EXISTS or HK_KUBE_CONFLICT when somebody else was quicker: look again.
 */
export async function keepAuthority(
  { namespace, name, labels, loss }: AuthorityWanted,
  seen: KubeSecret | undefined,
  { client, clock }: AuthorityPorts,
  signal: AbortSignal,
): Promise<KeptAuthority> {
  const metadata = { namespace, name, labels };
  // The cache may be behind: before an authority is made for the first time, the server itself is asked.
  const current = seen ?? (await client.find(secrets, { namespace, name }, signal));
  if (current !== undefined && !hasSameOwner(current, { metadata })) throw operatorErrors.HK_OBJECT_FOREIGN(`Secret ${name}`);
  if (current === undefined && loss !== undefined) throw operatorErrors.HK_AUTHORITY_LOST(loss);
  const nowMs = clock.wallMs();
  const known = current === undefined ? [] : readAuthorities(current);
  const first = decideAuthorities(known, nowMs);
  const all = first.create ? [...first.trusted, await createAuthority({ commonName: name.slice(0, 64), nowMs })] : first.trusted;
  const { signWith, trusted } = decideAuthorities(all, nowMs);
  if (signWith === undefined) throw operatorErrors.HK_AUTHORITY_UNREADABLE(`${name}: no authority is valid by this machine's clock`);
  const bundlePem = joinCertificates(trusted.map(({ certificatePem }) => certificatePem));
  const data = dataOf(trusted, bundlePem);
  if (current === undefined) {
    return { signWith, bundlePem, secret: await client.create(secrets, { metadata, data }, signal) };
  }
  const unchanged = !first.create && first.drop.length === 0 && isDeepStrictEqual(current.data, data);
  const secret = unchanged ? current : await client.update(secrets, { ...current, data }, signal);
  return { signWith, bundlePem, secret };
}

/** All authorities of a Secret. @throws HK_AUTHORITY_UNREADABLE */
export function readAuthorities(secret: KubeSecret): readonly Authority[] {
  const { name } = secret.metadata;
  try {
    const data = decodeData(secret);
    const files = Object.keys(data).filter((key) => /^authority-[0-9a-f]+\.crt$/.test(key));
    if (files.length === 0) throw new Error('it has no entry authority-….crt');
    return files.map((file) =>
      loadAuthority({ certificatePem: data[file] ?? '', privateKeyPem: new Secret(data[file.replace(/crt$/, 'key')] ?? '') }),
    );
  } catch (cause) {
    throw operatorErrors.HK_AUTHORITY_UNREADABLE(`${name}: ${messageOf(cause)}; restore it from a backup`, { cause });
  }
}

function dataOf(authorities: readonly Authority[], bundlePem: string): Readonly<Record<string, string>> {
  const entries = authorities.flatMap(({ certificatePem, privateKeyPem }) => {
    const { serial } = inspectCertificate(certificatePem);
    const file = `authority-${serial.toLowerCase()}`;
    return [
      [`${file}.crt`, certificatePem],
      [`${file}.key`, privateKeyPem.reveal()],
    ];
  });
  return encodeData({ ...(Object.fromEntries(entries) as Record<string, string>), [bundleKey]: bundlePem });
}
