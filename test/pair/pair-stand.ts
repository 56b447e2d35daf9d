import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { request as httpsRequest } from 'node:https';
import {
  epochAnnotation,
  formatBundle,
  formatMemberSettings,
  memberAccountName,
  membersAnnotation,
  parseMemberStatus,
  settingsKey,
  tokenKey,
} from '#agents/member/contract.ts';
import type { ArbiterSettings, AskedOperation, MemberSettings, MemberStatus } from '#agents/member/contract.ts';
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
import { startFaultyDns } from '../cluster/faulty-dns.ts';
import type { FaultyDns } from '../cluster/faulty-dns.ts';
import { startBind } from '../cluster/bind.ts';
import type { Bind } from '../cluster/bind.ts';
import type { Branch } from '../cluster/branch.ts';
import { startEtcd } from '../cluster/etcd.ts';
import type { Etcd } from '../cluster/etcd.ts';
import { startNetwork } from '../cluster/network.ts';
import type { BridgedNetwork, Network } from '../cluster/network.ts';
import { systemProgram } from '../cluster/programs.ts';
import { runTool } from '../cluster/run-tool.ts';
import { temporaryFolder } from '../cluster/temporary.ts';
import type { TemporaryFolder } from '../cluster/temporary.ts';
import { noteOwner, removeLeftovers } from './leftovers.ts';
import { StandMember } from './stand-member.ts';

const trustDomain = 'hallkeeper.dev';
/** The authority is older than the pair, so that a certificate of it can have expired already. */
const weekMs = 7 * 86_400_000;
const pairName = 'pair-7';
const pairUid = '5b1e2f4a-0000-4000-8000-000000000007';
export const sliceName = `${pairName}-hallkeeper`;
const database = { name: 'app', owner: 'app' } as const;
/** Where the record stands in an etcd. */
const etcdPrefix = '/hallkeeper/pairs';
export const etcdKey = `${etcdPrefix}/${pairUid}`;

export interface Client {
  readonly authority: string;
  readonly certificate: string;
  readonly key: Secret;
}

/** A pair of real member agents with real PostgreSQL, kube-apiserver, BIND and, where it was asked for, etcd, enrolled as the operator does it. */
export interface PairStand extends AsyncDisposable {
  readonly network: Network;
  readonly api: ApiServer;
  readonly bind: Bind;
  /** The arbiter, where it is an etcd. */
  readonly etcd: Etcd | undefined;
  /** The DNS server that can be told to misbehave, where it was asked for. */
  readonly faultyDns: FaultyDns | undefined;
  readonly members: Readonly<Record<'a' | 'b', StandMember>>;
  readonly postgresPort: number;
  /** Credentials of the role `app`, which owns database `app`. */
  readonly client: Client;
  readonly pairUid: string;
  /** The pair's authority, which signed every certificate of the stand. */
  readonly authority: Authority;
  /** What was last given to a member. */
  readonly settings: Readonly<Record<'a' | 'b', MemberSettings>>;
  status(name: 'a' | 'b'): Promise<MemberStatus>;
  switchover(name: 'a' | 'b', id: string): Promise<void>;
  ask(name: 'a' | 'b', what: AskedOperation, id: string): Promise<void>;
  /** Writes the member's Secret as the operator does; the member finds it by itself. */
  changeSettings(name: 'a' | 'b', change: Partial<MemberSettings>): Promise<void>;
  /** A new certificate of the pair's authority, or of another one, for a member. */
  certify(name: 'a' | 'b', how?: { readonly by?: Authority; readonly nowMs?: number; readonly lifetimeDays?: number }): Promise<Leaf>;
  /** What the member's `/metrics` says. */
  metrics(name: 'a' | 'b'): Promise<string>;
}

export interface StandOptions {
  /** Puts everything of member `a` on a file system of its own with so many megabytes. Root only. */
  readonly smallDiskMegabytes?: number;
  /** Machines of their own for the members, joined to this network; absent: both stand in one network that the stand opens. */
  readonly apart?: { readonly network: BridgedNetwork; readonly branches: Readonly<Record<'a' | 'b', Branch>> };
  /** Brings a file system for everything of a member to this folder, which does not exist yet. */
  readonly mount?: (name: 'a' | 'b', folder: string) => Promise<AsyncDisposable>;
  /** Lists a second DNS server before the first: one that can be told to misbehave, with the same zone behind it. */
  readonly faultyDns?: boolean;
  /** Makes the EndpointSlice of a Service that the members lead to themselves, with the rights that the operator gives. */
  readonly service?: boolean;
  /** Who decides which member leads; absent: Kubernetes. */
  readonly arbiter?: 'kubernetes' | 'etcd';
  /** Members of the etcd; absent: one. */
  readonly etcdMembers?: 1 | 3;
}

const host = { a: 11, b: 12 } as const;

export async function startPairStand(options: StandOptions = {}): Promise<PairStand> {
  await removeLeftovers();
  const stack = new AsyncDisposableStack();
  try {
    const { network, folder, api, bind, faultyDns, etcd } = await layGround(stack, options);
    const { apart } = options;
    const servers = [...(faultyDns === undefined ? [] : [faultyDns]), bind];
    const authority = await createAuthority({ commonName: `${pairName} ca`, nowMs: Date.now() - weekMs });
    const ports = { admin: await network.freePort(), postgres: await network.freePort() };
    const address = {
      a: apart?.branches.a.ownAddress ?? (await network.address(host.a)),
      b: apart?.branches.b.ownAddress ?? (await network.address(host.b)),
    };
    if (options.service === true) await makeSlice(api, folder.path, address);
    // In an etcd the members create the record themselves.
    if (etcd === undefined) await api.create(aPairRecord());
    const arbiter = await arbiterOf(etcd);
    const certify = certifierOf(authority, address, bind.zone);
    const members = {} as Record<'a' | 'b', StandMember>;
    const settings = {} as Record<'a' | 'b', MemberSettings>;
    let revision = 1;
    for (const name of ['a', 'b'] as const) {
      const plain = settingsOf(name, { leaf: await certify(name), authority, address, ports, bind, servers, arbiter });
      settings[name] = options.service === true ? { ...plain, service: { slice: sliceName } } : plain;
      const bundle = await enrol(api, folder.path, name, settings[name]);
      members[name] = stack.use(
        await StandMember.prepare(name, {
          folder: folder.path,
          network: apart?.branches[name] ?? network,
          bundle,
          address: address[name],
          metricsPort: await network.freePort(),
        }),
      );
    }
    const { operator, app } = await clientsOf(authority);
    const localAddress = apart?.network.observerAddress;
    const ask = (name: 'a' | 'b', method: string, path: string, body?: unknown): Promise<unknown> =>
      askAdmin({ host: address[name], localAddress, port: ports.admin, name, authority, operator }, method, path, body);
    const owned = stack.move();
    return {
      network,
      api,
      bind,
      etcd,
      faultyDns,
      members,
      postgresPort: ports.postgres,
      client: { authority: authority.certificatePem, certificate: app.certificatePem, key: app.privateKeyPem },
      pairUid,
      authority,
      settings,
      certify,
      changeSettings: async (name, change) => {
        revision += 1;
        settings[name] = { ...settings[name], ...change, revision: `r${revision}` };
        await applySecret(api, folder.path, name, settings[name]);
      },
      metrics: async (name) => await (await fetch(`http://${address[name]}:${members[name].metricsPort}/metrics`)).text(),
      status: async (name) => parseMemberStatus(await ask(name, 'GET', '/v1/status')),
      switchover: async (name, id) => void (await ask(name, 'POST', '/v1/switchover', { id })),
      ask: async (name, what, id) => void (await ask(name, 'POST', `/v1/${what}`, { id })),
      [Symbol.asyncDispose]: () => owned.disposeAsync(),
    };
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}

interface Ground {
  readonly network: Network;
  readonly folder: TemporaryFolder;
  readonly api: ApiServer;
  readonly bind: Bind;
  readonly faultyDns: FaultyDns | undefined;
  readonly etcd: Etcd | undefined;
}

/** Network, folders and disks, and the servers that both members use. The stack owns them. */
async function layGround(stack: AsyncDisposableStack, options: StandOptions): Promise<Ground> {
  const { smallDiskMegabytes, apart, mount, faultyDns: withFaultyDns = false, arbiter = 'kubernetes', etcdMembers: members = 1 } = options;
  const network = apart?.network ?? stack.use(await startNetwork());
  const folder = stack.use(await temporaryFolder('pair'));
  await chmod(folder.path, 0o755);
  await noteOwner(folder.path);
  if (smallDiskMegabytes !== undefined) stack.use(await mountSmall(join(folder.path, 'a'), smallDiskMegabytes));
  if (mount !== undefined) for (const name of ['a', 'b'] as const) stack.use(await mount(name, join(folder.path, name)));
  const api = stack.use(await startApiServer({ network }));
  const bind = stack.use(await startBind({ network }));
  const faultyDns = withFaultyDns ? stack.use(await startFaultyDns({ network, bind })) : undefined;
  const etcd = arbiter === 'etcd' ? stack.use(await startEtcd({ network, members })) : undefined;
  return { network, folder, api, bind, faultyDns, etcd };
}

async function arbiterOf(etcd: Etcd | undefined): Promise<ArbiterSettings> {
  if (etcd === undefined) return { kind: 'kubernetes' };
  return { kind: 'etcd', endpoints: etcd.endpoints, prefix: etcdPrefix, tls: await etcd.client() };
}

function certifierOf(authority: Authority, address: Readonly<Record<'a' | 'b', string>>, zone: string): PairStand['certify'] {
  return async (name, { by = authority, nowMs = Date.now(), lifetimeDays } = {}) =>
    await issueLeaf(by, {
      identity: { kind: 'member', trustDomain, pairUid, name },
      commonName: 'hallkeeper-member',
      ipAddresses: [address[name]],
      dnsNames: [`pair.${zone}`],
      usages: ['server', 'client'],
      nowMs,
      ...(lifetimeDays === undefined ? {} : { lifetimeDays }),
    });
}

/** The operator, which asks the members, and the owner of the database. */
async function clientsOf(authority: Authority): Promise<{ readonly operator: Leaf; readonly app: Leaf }> {
  const usages = ['client'] as const;
  const role = database.owner;
  return {
    operator: await issueLeaf(authority, {
      identity: { kind: 'operator', trustDomain },
      commonName: 'operator',
      usages,
      nowMs: Date.now(),
    }),
    app: await issueLeaf(authority, {
      identity: { kind: 'client', trustDomain, pairUid, role },
      commonName: role,
      usages,
      nowMs: Date.now(),
    }),
  };
}

function settingsOf(
  name: 'a' | 'b',
  {
    leaf,
    authority,
    address,
    ports,
    bind,
    servers,
    arbiter,
  }: {
    leaf: Leaf;
    authority: Authority;
    address: Record<'a' | 'b', string>;
    ports: { admin: number; postgres: number };
    bind: Bind;
    servers: readonly { readonly address: string; readonly port: number }[];
    arbiter: ArbiterSettings;
  },
): MemberSettings {
  const peer = name === 'a' ? 'b' : 'a';
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
    arbiter,
    postgresql: { port: ports.postgres, parameters: {}, databases: [database], slotKeepMegabytes: 1_024 },
    detection: { periodMs, suspectAfterMs, degradeAfterMs, degradeSlowAfterMs, canaryStaleAfterMs },
    whenStandbyLost: 'continue',
    paused: false,
    tls: { certificate: leaf.certificatePem, key: leaf.privateKeyPem, authority: authority.certificatePem },
    dns: {
      zone: bind.zone,
      name: `pair.${bind.zone}`,
      ttlSeconds: 1,
      servers: servers.map(({ address: server, port }) => ({ host: server, port })),
      tsig: { name: bind.key.name, secret: new Secret(bind.key.secret) },
    },
    service: undefined,
    hallServer: undefined,
  };
}

/** ServiceAccount, rights on its own objects and nothing else, settings Secret, bundle: what the operator would make. */
async function enrol(api: ApiServer, folder: string, member: 'a' | 'b', settings: MemberSettings): Promise<string> {
  const account = memberAccountName(pairName, member);
  const metadata = { name: account, namespace };
  const apply = async (manifest: object): Promise<void> => await applyManifest(api, folder, account, manifest);
  const rules = [
    { apiGroups: ['hallkeeper.dev'], resources: ['pairrecords'], resourceNames: [pairName], verbs: ['get', 'update', 'watch'] },
    { apiGroups: [''], resources: ['secrets'], resourceNames: [account], verbs: ['get', 'watch'] },
    { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], resourceNames: [sliceName], verbs: ['get', 'update'] },
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
  const token = await applySecret(api, folder, member, settings);
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

/** The slice as it is before anybody has led. */
async function makeSlice(api: ApiServer, folder: string, address: Readonly<Record<'a' | 'b', string>>): Promise<void> {
  const members = (['a', 'b'] as const).map((name) => `${memberAccountName(pairName, name)}=${address[name]}`).join(' ');
  const annotations = { [epochAnnotation]: '0', [membersAnnotation]: members };
  const labels = { 'kubernetes.io/service-name': pairName, 'hallkeeper.dev/owner-uid': pairUid };
  await applyManifest(api, folder, sliceName, {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: sliceName, namespace, labels, annotations },
    addressType: 'IPv4',
    endpoints: [],
    ports: [{ name: 'postgresql', port: 5_432, protocol: 'TCP' }],
  });
}

async function applyManifest(api: ApiServer, folder: string, name: string, manifest: object): Promise<void> {
  const file = join(folder, `${name}.json`);
  await writeFile(file, JSON.stringify(manifest), { mode: 0o600 });
  await api.kubectl('apply', '--server-side', '-f', file);
}

/** Settings and a new token in the member's Secret. Returns the token. */
async function applySecret(api: ApiServer, folder: string, member: 'a' | 'b', settings: MemberSettings): Promise<string> {
  const account = memberAccountName(pairName, member);
  const token = (await api.kubectl('create', 'token', account)).trim();
  await applyManifest(api, folder, account, {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: account, namespace },
    stringData: { [settingsKey]: formatMemberSettings(settings), [tokenKey]: token },
  });
  return token;
}

async function mountSmall(path: string, megabytes: number): Promise<AsyncDisposable> {
  await mkdir(path, { recursive: true });
  await runTool(systemProgram('mount'), ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=755`, 'hallkeeper-test', path]);
  return { [Symbol.asyncDispose]: async () => void (await runTool(systemProgram('umount'), ['--lazy', path])) };
}

function askAdmin(
  to: { host: string; localAddress: string | undefined; port: number; name: string; authority: Authority; operator: Leaf },
  method: string,
  path: string,
  body: unknown,
): Promise<unknown> {
  const trust = [pairAuthority(to.authority.certificatePem, { trustDomain, pairUid })];
  const tls = clientTls(to.operator, trust, { expected: { kind: 'member', trustDomain, pairUid, name: to.name } });
  return new Promise((resolve, reject) => {
    const { host, port, localAddress } = to;
    const request = httpsRequest({ host, port, localAddress, method, path, timeout: 5_000, agent: false, ...tls }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.once('end', () => ((response.statusCode ?? 500) < 300 ? resolve(JSON.parse(text)) : reject(new Error(text))));
    });
    request.once('timeout', () => request.destroy(new Error('no answer')));
    request.once('error', reject);
    request.end(body === undefined ? undefined : JSON.stringify(body));
  });
}
