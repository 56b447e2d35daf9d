import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ChannelCredentials } from '@grpc/grpc-js';
import { clientCredentials } from '#lib/link/credentials.ts';
import { createAuthority } from '#lib/pki/authority.ts';
import type { Authority } from '#lib/pki/authority.ts';
import type { Identity } from '#lib/pki/identity.ts';
import { issueLeaf } from '#lib/pki/leaf.ts';
import type { Leaf } from '#lib/pki/leaf.ts';
import { anyMemberOf, clientTls, pairAuthority } from '#lib/pki/trust.ts';

export const trustDomain = 'hallkeeper.dev';
export const hall = 'north';
export const pairUid = '0f8fad5b-d9cb-469f-a165-70867728950e';

/** The two authorities of a hall, and what they sign. */
export interface LinkCertificates {
  readonly hallCa: Authority;
  readonly pairCa: Authority;
  leaf(identity: Identity, authority: Authority, usages?: readonly ('server' | 'client')[]): Promise<Leaf>;
  /** What a client needs to call a member of the pair. */
  client(identity: Identity, authority?: Authority): Promise<ChannelCredentials>;
  /** Writes the files of a member's hall server and answers with their paths. */
  memberFiles(
    folder: string,
    member: string,
  ): Promise<{ certificateFile: string; keyFile: string; hallCaFile: string; pairCaFile: string }>;
}

export const terminalIdentity = (name: string): Identity => ({ kind: 'terminal', trustDomain, hall, name });
export const exporterIdentity: Identity = { kind: 'exporter', trustDomain, hall, name: 'terminals' };
export const operatorIdentity: Identity = { kind: 'operator', trustDomain };

export async function linkCertificates(): Promise<LinkCertificates> {
  const nowMs = Date.now();
  const hallCa = await createAuthority({ commonName: 'hall ca', nowMs });
  const pairCa = await createAuthority({ commonName: 'pair ca', nowMs });
  const leaf: LinkCertificates['leaf'] = (identity, authority, usages = ['client']) => {
    const ipAddresses = usages.includes('server') ? ['127.0.0.1'] : [];
    return issueLeaf(authority, { identity, commonName: 'hallkeeper-test', ipAddresses, usages, nowMs });
  };
  return {
    hallCa,
    pairCa,
    leaf,
    client: async (identity, authority = identity.kind === 'operator' ? pairCa : hallCa) => {
      const own = await leaf(identity, authority);
      const trust = [pairAuthority(pairCa.certificatePem, { trustDomain, pairUid })];
      return clientCredentials(clientTls(own, trust, { expected: anyMemberOf({ trustDomain, pairUid }) }));
    },
    memberFiles: async (folder, member) => {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const own = await leaf({ kind: 'member', trustDomain, pairUid, name: member }, pairCa, ['server', 'client']);
      const files = {
        certificateFile: [join(folder, 'member.crt'), own.certificatePem],
        keyFile: [join(folder, 'member.key'), own.privateKeyPem.reveal()],
        hallCaFile: [join(folder, 'hall-ca.crt'), hallCa.certificatePem],
        pairCaFile: [join(folder, 'pair-ca.crt'), pairCa.certificatePem],
      } as const;
      for (const [path, content] of Object.values(files)) await writeFile(path, content, { mode: 0o600 });
      const paths = Object.entries(files).map(([key, [path]]) => [key, path] as const);
      return Object.fromEntries(paths) as Awaited<ReturnType<LinkCertificates['memberFiles']>>;
    },
  };
}
