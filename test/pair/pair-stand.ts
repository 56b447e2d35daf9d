import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { request as httpsRequest } from 'node:https';
import {
  formatBundle,
  formatMemberSettings,
  memberAccountName,
  parseMemberStatus,
  settingsKey,
  tokenKey,
} from '#agents/member/contract.ts';
import type { MemberSettings, MemberStatus } from '#agents/member/contract.ts';
import { Secret } from '#lib/base/secret.ts';
import { defaultLimits } from '#lib/pair/limits.ts';
import { createAuthority } from '#lib/pki/authority.ts';
import type { Authority } from '#lib/pki/authority.ts';
import { issueLeaf } from '#lib/pki/leaf.ts';
import type { Leaf } from '#lib/pki/leaf.ts';
import { clientTls, pairAuthority } from '#lib/pki/trust.ts';
import { aPairRecord } from '../api/builders.ts';
import { namespace, startApiServer } from '../api/api-server.ts';
import type { ApiServer } from '../api/api-server.ts';
import { startBind } from '../cluster/bind.ts';
import type { Bind } from '../cluster/bind.ts';
import { startNetwork } from '../cluster/network.ts';
import type { Network } from '../cluster/network.ts';
import { temporaryFolder } from '../cluster/temporary.ts';
import type { TemporaryFolder } from '../cluster/temporary.ts';
import { StandMember } from './stand-member.ts';

const trustDomain = 'hallkeeper.dev';
const pairName = 'pair-7';
const pairUid = '5b1e2f4a-0000-4000-8000-000000000007';
const database = { name: 'app', owner: 'app' } as const;

export interface Client {
  readonly authority: string;
  readonly certificate: string;
  readonly key: Secret;
}

/** A pair of real member agents with real PostgreSQL, kube-apiserver and BIND, enrolled as the operator does it. */
export interface PairStand extends AsyncDisposable {
  readonly network: Network;
  readonly api: ApiServer;
  readonly bind: Bind;
  readonly members: Readonly<Record<'a' | 'b', StandMember>>;
  readonly postgresPort: number;
  /** Credentials of the role `app`, which owns database `app`. */
  readonly client: Client;
  readonly pairUid: string;
  status(name: 'a' | 'b'): Promise<MemberStatus>;
  switchover(name: 'a' | 'b', id: string): Promise<void>;
}

const host = { a: 11, b: 12 } as const;

export async function startPairStand(): Promise<PairStand> {
  const stack = new AsyncDisposableStack();
  try {
    const network = stack.use(await startNetwork());
    const folder: TemporaryFolder = stack.use(await temporaryFolder('pair'));
    await chmod(folder.path, 0o755);
    const api = stack.use(await startApiServer({ network }));
    const bind = stack.use(await startBind({ network }));
    const authority = await createAuthority({ commonName: `${pairName} ca`, nowMs: Date.now() });
    const ports = { admin: await network.freePort(), postgres: await network.freePort() };
    const address = { a: await network.address(host.a), b: await network.address(host.b) };
    await api.create(aPairRecord());
    const members = {} as Record<'a' | 'b', StandMember>;
    for (const name of ['a', 'b'] as const) {
      const settings = await settingsOf(name, { authority, address, ports, bind });
      const bundle = await enrol(api, folder.path, name, settings);
      members[name] = stack.use(
        await StandMember.prepare(name, {
          folder: folder.path,
          network,
          bundle,
          address: address[name],
          metricsPort: await network.freePort(),
        }),
      );
    }
    const operator = await issueLeaf(authority, {
      identity: { kind: 'operator', trustDomain },
      commonName: 'operator',
      usages: ['client'],
      nowMs: Date.now(),
    });
    const app = await issueLeaf(authority, {
      identity: { kind: 'client', trustDomain, pairUid, role: database.owner },
      commonName: database.owner,
      usages: ['client'],
      nowMs: Date.now(),
    });
    const ask = (name: 'a' | 'b', method: string, path: string, body?: unknown): Promise<unknown> =>
      askAdmin({ host: address[name], port: ports.admin, name, authority, operator }, method, path, body);
    const owned = stack.move();
    return {
      network,
      api,
      bind,
      members,
      postgresPort: ports.postgres,
      client: { authority: authority.certificatePem, certificate: app.certificatePem, key: app.privateKeyPem },
      pairUid,
      status: async (name) => parseMemberStatus(await ask(name, 'GET', '/v1/status')),
      switchover: async (name, id) => void (await ask(name, 'POST', '/v1/switchover', { id })),
      [Symbol.asyncDispose]: () => owned.disposeAsync(),
    };
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}

async function settingsOf(
  name: 'a' | 'b',
  {
    authority,
    address,
    ports,
    bind,
  }: { authority: Authority; address: Record<'a' | 'b', string>; ports: { admin: number; postgres: number }; bind: Bind },
): Promise<MemberSettings> {
  const peer = name === 'a' ? 'b' : 'a';
  const leaf = await issueLeaf(authority, {
    identity: { kind: 'member', trustDomain, pairUid, name },
    commonName: 'hallkeeper-member',
    ipAddresses: [address[name]],
    dnsNames: [`pair.${bind.zone}`],
    usages: ['server', 'client'],
    nowMs: Date.now(),
  });
  const { periodMs, suspectAfterMs, degradeAfterMs, degradeSlowAfterMs, canaryStaleAfterMs } = defaultLimits;
  return {
    formatVersion: 1,
    revision: 'r1',
    trustDomain,
    pair: { name: pairName, namespace, uid: pairUid },
    self: { name, address: address[name] },
    peer: { name: peer, address: address[peer] },
    founder: 'a',
    adminPort: ports.admin,
    postgresql: { port: ports.postgres, parameters: {}, databases: [database], slotKeepMegabytes: 1_024 },
    detection: { periodMs, suspectAfterMs, degradeAfterMs, degradeSlowAfterMs, canaryStaleAfterMs },
    whenStandbyLost: 'continue',
    paused: false,
    tls: { certificate: leaf.certificatePem, key: leaf.privateKeyPem, authority: authority.certificatePem },
    dns: {
      zone: bind.zone,
      name: `pair.${bind.zone}`,
      ttlSeconds: 1,
      servers: [{ host: bind.address, port: bind.port }],
      tsig: { name: bind.key.name, secret: new Secret(bind.key.secret) },
    },
    hallServer: undefined,
  };
}

/** ServiceAccount, rights on its own two objects and nothing else, settings Secret, bundle: what the operator would make. */
async function enrol(api: ApiServer, folder: string, member: 'a' | 'b', settings: MemberSettings): Promise<string> {
  const account = memberAccountName(pairName, member);
  const metadata = { name: account, namespace };
  const apply = async (manifest: object): Promise<void> => {
    const file = join(folder, `${account}.json`);
    await writeFile(file, JSON.stringify(manifest), { mode: 0o600 });
    await api.kubectl('apply', '--server-side', '-f', file);
  };
  const rules = [
    { apiGroups: ['hallkeeper.dev'], resources: ['pairrecords'], resourceNames: [pairName], verbs: ['get', 'update', 'watch'] },
    { apiGroups: [''], resources: ['secrets'], resourceNames: [account], verbs: ['get', 'watch'] },
  ];
  await apply({ apiVersion: 'v1', kind: 'ServiceAccount', metadata });
  await apply({ apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role', metadata, rules });
  await apply({
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'RoleBinding',
    metadata,
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: account },
    subjects: [{ kind: 'ServiceAccount', name: account, namespace }],
  });
  const token = (await api.kubectl('create', 'token', account)).trim();
  await apply({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata,
    stringData: { [settingsKey]: formatMemberSettings(settings), [tokenKey]: token },
  });
  const bundle = formatBundle({
    server: api.controlPlane.url,
    authority: api.controlPlane.ca,
    token: new Secret(token),
    namespace,
    pair: pairName,
    member,
  });
  await mkdir(join(folder, member), { recursive: true });
  const file = join(folder, member, 'bundle.json');
  await writeFile(file, bundle, { mode: 0o600 });
  return file;
}

function askAdmin(
  to: { host: string; port: number; name: string; authority: Authority; operator: Leaf },
  method: string,
  path: string,
  body: unknown,
): Promise<unknown> {
  const trust = [pairAuthority(to.authority.certificatePem, { trustDomain, pairUid })];
  const tls = clientTls(to.operator, trust, { expected: { kind: 'member', trustDomain, pairUid, name: to.name } });
  return new Promise((resolve, reject) => {
    const request = httpsRequest({ host: to.host, port: to.port, method, path, timeout: 5_000, agent: false, ...tls }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.once('end', () => ((response.statusCode ?? 500) < 300 ? resolve(JSON.parse(text)) : reject(new Error(text))));
    });
    request.once('timeout', () => request.destroy(new Error('no answer')));
    request.once('error', reject);
    request.end(body === undefined ? undefined : JSON.stringify(body));
  });
}
