import { mkdir, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { join } from 'node:path';
import type { EtcdTls } from '#lib/etcd/connections.ts';
import { createAuthority } from '#lib/pki/authority.ts';
import type { Authority } from '#lib/pki/authority.ts';
import { issueLeaf } from '#lib/pki/leaf.ts';
import { startChild } from './child.ts';
import type { Child } from './child.ts';
import { plainNetwork, serversAddress } from './network.ts';
import type { Network } from './network.ts';
import { controlPlaneProgram } from './programs.ts';
import { temporaryFolder } from './temporary.ts';

export interface EtcdOptions {
  readonly network?: Network;
  /** Number of the address in the network; all members listen there, on ports of their own. */
  readonly address?: number;
  readonly members?: 1 | 3;
  /** Writes reach the disk before they are answered, as in service. Without it data outlives the process, but not the machine. */
  readonly fsync?: boolean;
}

/** One member's process, which tests take away and bring back. Data, ports and certificates stay. */
export interface EtcdMember {
  readonly name: string;
  readonly url: string;
  readonly running: boolean;
  readonly pid: number | undefined;
  /** Resolves when the process runs; with `wait` when it also serves, which takes a majority. */
  start(how?: { readonly wait: boolean }): Promise<void>;
  stop(): Promise<void>;
  kill(): Promise<void>;
  signal(signal: NodeJS.Signals): void;
}

/** A real etcd of one or three members, all of it with mutual TLS. */
export interface Etcd extends AsyncDisposable {
  readonly endpoints: readonly string[];
  readonly members: readonly EtcdMember[];
  readonly authority: Authority;
  /** A new client certificate. */
  client(): Promise<EtcdTls>;
  /** Asks a member by the JSON form of etcd's interface, such as `kv/range`; bytes are Base64. */
  ask(path: string, body: object, member?: EtcdMember): Promise<Readonly<Record<string, unknown>>>;
  /** The text that stands under a key, as an administrator reads it; undefined when there is none. */
  read(key: string): Promise<string | undefined>;
  write(key: string, value: string): Promise<void>;
  remove(key: string): Promise<void>;
  /** The member that leads now, by the word of one that runs; undefined while an election is on. */
  leader(): Promise<EtcdMember | undefined>;
}

const readyMaxMs = 120_000;
const askMaxMs = 5_000;
const trustDomain = 'etcd.test';

export async function startEtcd(options: EtcdOptions = {}): Promise<Etcd> {
  const stack = new AsyncDisposableStack();
  try {
    return await startMembers(options, stack);
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}

async function startMembers(
  { network = plainNetwork(), address: number = serversAddress, members: count = 1, fsync = false }: EtcdOptions,
  stack: AsyncDisposableStack,
): Promise<Etcd> {
  const { path: directory } = stack.use(await temporaryFolder('etcd'));
  const address = await network.address(number);
  const authority = await createAuthority({ commonName: 'etcd ca', nowMs: Date.now() });
  const certify = async (commonName: string, ...usages: readonly ('server' | 'client')[]): Promise<EtcdTls> => {
    const identity = { kind: 'operator', trustDomain } as const;
    const leaf = await issueLeaf(authority, { identity, commonName, ipAddresses: [address], usages, nowMs: Date.now() });
    return { certificate: leaf.certificatePem, key: leaf.privateKeyPem, authority: authority.certificatePem };
  };
  const admin = await certify('admin', 'client');
  const places: Place[] = [];
  for (let index = 1; index <= count; index += 1) {
    const folder = join(directory, `etcd-${index}`);
    await mkdir(folder, { mode: 0o700 });
    await writeCertificates(folder, await certify(`etcd-${index}`, 'server', 'client'));
    const [client, peer] = [await network.freePort(), await network.freePort()];
    places.push({ name: `etcd-${index}`, folder, url: `https://${address}:${client}`, peer: `https://${address}:${peer}` });
  }
  const members = places.map((place) => memberOf(place, places, { network, fsync, admin }));
  stack.defer(async () => void (await Promise.all(members.map((member) => member.stop()))));
  await Promise.all(members.map((member) => member.start()));
  const any = (): EtcdMember => members.find(({ running }) => running) ?? members[0]!;
  const ask: Etcd['ask'] = (path, body, member = any()) => post(`${member.url}/v3/${path}`, body, admin);
  const owned = stack.move();
  return {
    endpoints: members.map(({ url }) => url),
    members,
    authority,
    client: () => certify('member', 'client'),
    ask,
    read: async (key) => {
      const { kvs } = (await ask('kv/range', { key: base64(key) })) as { readonly kvs?: readonly { readonly value?: string }[] };
      return kvs?.[0] === undefined ? undefined : Buffer.from(kvs[0].value ?? '', 'base64').toString('utf8');
    },
    write: async (key, value) => void (await ask('kv/put', { key: base64(key), value: base64(value) })),
    remove: async (key) => void (await ask('kv/deleterange', { key: base64(key) })),
    leader: async () => {
      const ids = await Promise.all(members.map((member) => idsOf(member, ask)));
      const leads = ids.find((each) => each !== undefined && each.leader !== '0')?.leader;
      return leads === undefined ? undefined : members[ids.findIndex((each) => each?.own === leads)];
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

interface Place {
  readonly name: string;
  readonly folder: string;
  readonly url: string;
  readonly peer: string;
}

function memberOf(
  { name, folder, url, peer }: Place,
  all: readonly Place[],
  { network, fsync, admin }: { readonly network: Network; readonly fsync: boolean; readonly admin: EtcdTls },
): EtcdMember {
  const tls = (prefix: string): readonly string[] => [
    `--${prefix}cert-file=${join(folder, 'certificate.pem')}`,
    `--${prefix}key-file=${join(folder, 'key.pem')}`,
    `--${prefix}trusted-ca-file=${join(folder, 'authority.pem')}`,
    `--${prefix}client-cert-auth`,
  ];
  const args = [
    `--name=${name}`,
    `--data-dir=${join(folder, 'data')}`,
    ...(fsync ? [] : ['--unsafe-no-fsync']),
    '--log-level=warn',
    `--listen-client-urls=${url}`,
    `--advertise-client-urls=${url}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=${all.map((each) => `${each.name}=${each.peer}`).join(',')}`,
    ...tls(''),
    ...tls('peer-'),
  ];
  let child: Child | undefined;
  const healthy = async (): Promise<boolean> => (await get(`${url}/health`, admin)) === 200;
  return {
    name,
    url,
    get running() {
      return child?.running ?? false;
    },
    get pid() {
      return child?.running === true ? child.pid : undefined;
    },
    start: async ({ wait } = { wait: true }) => {
      if (child?.running === true) return;
      const readiness = wait ? { ready: healthy, readyMaxMs } : {};
      child = await startChild({ name, command: controlPlaneProgram('etcd'), args, directory: folder, network, ...readiness });
    },
    stop: async () => {
      child?.signal('SIGCONT');
      await child?.stop();
    },
    kill: async () => child?.kill(),
    signal: (signal) => child?.signal(signal),
  };
}

async function writeCertificates(folder: string, { certificate, key, authority }: EtcdTls): Promise<void> {
  await writeFile(join(folder, 'certificate.pem'), certificate);
  await writeFile(join(folder, 'key.pem'), key.reveal(), { mode: 0o600 });
  await writeFile(join(folder, 'authority.pem'), authority);
}

/** Own identifier and the leader's, as one member sees it; undefined when it does not answer. */
async function idsOf(member: EtcdMember, ask: Etcd['ask']): Promise<{ readonly own: string; readonly leader: string } | undefined> {
  if (!member.running) return undefined;
  try {
    const { header, leader = '0' } = (await ask('maintenance/status', {}, member)) as {
      readonly header: { readonly member_id: string };
      readonly leader?: string;
    };
    return { own: header.member_id, leader };
  } catch {
    return undefined;
  }
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');

function get(url: string, tls: EtcdTls): Promise<number> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { ...asClient(tls), timeout: askMaxMs, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    asked.once('timeout', () => asked.destroy(new Error('no answer')));
    asked.once('error', reject);
    asked.end();
  });
}

function post(url: string, body: object, tls: EtcdTls): Promise<Readonly<Record<string, unknown>>> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { ...asClient(tls), method: 'POST', timeout: askMaxMs, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.once('end', () => {
        if (response.statusCode === 200) resolve(JSON.parse(text) as Record<string, unknown>);
        else reject(new Error(`${url} answered ${response.statusCode}: ${text}`));
      });
    });
    asked.once('timeout', () => asked.destroy(new Error('no answer')));
    asked.once('error', reject);
    asked.end(JSON.stringify(body));
  });
}

function asClient({ certificate, key, authority }: EtcdTls): { readonly cert: string; readonly key: string; readonly ca: string } {
  return { cert: certificate, key: key.reveal(), ca: authority };
}
