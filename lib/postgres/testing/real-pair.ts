import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { within } from '#lib/base/deadline.ts';
import { silentLog } from '#lib/base/log.ts';
import { systemClock } from '#lib/base/system-clock.ts';
import { systemRandom } from '#lib/base/system-random.ts';
import type { Authority } from '#lib/pki/authority.ts';
import { createAuthority } from '#lib/pki/authority.ts';
import type { Leaf } from '#lib/pki/leaf.ts';
import { issueLeaf } from '#lib/pki/leaf.ts';
import { freePort } from '#test/cluster/ports.ts';
import { postgresUser } from '#test/cluster/postgres-user.ts';
import type { TemporaryFolder } from '#test/cluster/temporary.ts';
import { temporaryFolder } from '#test/cluster/temporary.ts';
import { findBinaries } from '../binaries.ts';
import type { DatabaseSettings, InstanceSettings, PostgresInstance, SqlLine, TlsMaterial } from '../instance.ts';
import { builtInRoles, memberCommonName } from '../instance.ts';
import { openInstance } from '../open-instance.ts';

export const testPorts = { clock: systemClock, random: systemRandom, log: silentLog };
const testDatabases: readonly DatabaseSettings[] = [{ name: 'app', owner: 'app_owner' }];

const address = '127.0.0.1';
const pairUid = 'c0ffee00-0000-4000-8000-000000000000';

/** Generous: the machine may be busy. A test that waits for something uses it as its deadline. */
export const soon = (): AbortSignal => within(60_000, 'the test');

/** Two real instances on loopback, a and b, with certificates of one authority. Nothing is initialised or started. */
export interface RealPair extends AsyncDisposable {
  readonly folder: TemporaryFolder;
  readonly authority: Authority;
  readonly a: PostgresInstance;
  readonly b: PostgresInstance;
  /** A second agent's view of the same member. */
  again(member: 'a' | 'b'): PostgresInstance;
  settingsOf(member: 'a' | 'b'): InstanceSettings;
  /** Kills what still runs and removes everything. */
  [Symbol.asyncDispose](): Promise<void>;
}

export async function realPair(parameters: Readonly<Record<string, string>> = {}): Promise<RealPair> {
  const folder = await temporaryFolder('pg');
  const authority = await createAuthority({ commonName: 'pair ca', nowMs: Date.now() });
  const { directory } = await findBinaries(undefined, undefined, soon());
  const ports = { a: await freePort(address), b: await freePort(address) };
  const settings = {
    a: await memberSettings(folder.path, directory, authority, ports, 'a', parameters),
    b: await memberSettings(folder.path, directory, authority, ports, 'b', parameters),
  };
  const opened: PostgresInstance[] = [];
  const open = (member: 'a' | 'b'): PostgresInstance => {
    const instance = openInstance(settings[member], testPorts);
    opened.push(instance);
    return instance;
  };
  const [a, b] = [open('a'), open('b')];
  return {
    folder,
    authority,
    a,
    b,
    again: open,
    settingsOf: (member) => settings[member],
    [Symbol.asyncDispose]: async () => {
      await Promise.all([a.killAll(soon()), b.killAll(soon())]);
      await Promise.all(opened.map((instance) => instance.close()));
      await folder.remove();
    },
  };
}

async function memberSettings(
  home: string,
  binaryDirectory: string,
  authority: Authority,
  ports: { readonly a: number; readonly b: number },
  name: 'a' | 'b',
  parameters: Readonly<Record<string, string>>,
): Promise<InstanceSettings> {
  const peer = name === 'a' ? 'b' : 'a';
  await mkdir(join(home, name), { mode: 0o711 });
  const user = postgresUser();
  return {
    binaryDirectory,
    stateDirectory: join(home, name, 'state'),
    dataDirectory: join(home, name, 'data'),
    account: process.getuid?.() === 0 ? { uid: user.uid, gid: user.gid } : undefined,
    localUsers: [{ osUser: userInfo().username, role: builtInRoles.agent }],
    self: { name, address, port: ports[name] },
    peer: { name: peer, address, port: ports[peer] },
    tls: await memberTls(authority, name),
    databases: testDatabases,
    parameters: { shared_buffers: '16MB', max_connections: '30', ...parameters },
    slotKeepMegabytes: 1_024,
  };
}

export async function memberTls(authority: Authority, name: string, ipAddress = address): Promise<TlsMaterial> {
  const leaf = await issueLeaf(authority, {
    identity: { kind: 'member', trustDomain: 'hallkeeper.dev', pairUid, name },
    commonName: memberCommonName,
    ipAddresses: [ipAddress],
    usages: ['server', 'client'],
    nowMs: Date.now(),
  });
  return { certificate: leaf.certificatePem, key: leaf.privateKeyPem, authority: authority.certificatePem };
}

export function clientLeaf(authority: Authority, role: string): Promise<Leaf> {
  const identity = { kind: 'client', trustDomain: 'hallkeeper.dev', pairUid, role } as const;
  return issueLeaf(authority, { identity, commonName: role, usages: ['client'], nowMs: Date.now() });
}

/** Member a from nothing to a primary that acknowledges alone. */
export async function startFirst({ a }: RealPair): Promise<void> {
  const control = await a.initialise(soon());
  await a.writeProof({ systemIdentifier: control.systemIdentifier, timeline: control.timeline });
  await a.start({ as: 'primary', gate: 'none' }, soon());
  await a.waitReady(soon());
  await a.bootstrap(soon());
}

/** A pair of which a leads and b streams from it. */
export async function joinedPair(): Promise<RealPair> {
  const pair = await realPair();
  try {
    await startFirst(pair);
    await joinSecond(pair);
    return pair;
  } catch (error) {
    await pair[Symbol.asyncDispose]();
    throw error;
  }
}

/** Member b copied from a and streaming. */
export async function joinSecond({ a, b }: RealPair): Promise<void> {
  await b.copy(() => undefined, soon());
  await b.start({ as: 'standby', follow: true }, soon());
  await b.waitReady(soon());
  const line = b.openLine('test');
  await b.ensurePeerSlot(line, soon());
  await line.close();
  const watching = a.openLine('test');
  await untilStatus(a, watching, ({ peers }) => peers.some(({ state }) => state === 'streaming'));
  await watching.close();
}

/** Looks at the status until it is as the test wants. */
export async function untilStatus(
  instance: PostgresInstance,
  line: SqlLine,
  wanted: (status: Awaited<ReturnType<PostgresInstance['status']>>) => boolean,
): Promise<Awaited<ReturnType<PostgresInstance['status']>>> {
  const signal = soon();
  for (;;) {
    const status = await instance.status(line, signal);
    if (wanted(status)) return status;
    await systemClock.sleep(20, signal);
  }
}

/** Runs `doomed-agent.ts` in a process of its own, kills it with SIGKILL after its first line, and answers that line. */
export async function runDoomedAgent(pair: RealPair, member: 'a' | 'b', what: 'start' | 'copy'): Promise<string> {
  const path = join(pair.folder.path, `${member}-${what}.json`);
  const { tls, ...plain } = pair.settingsOf(member);
  await writeFile(path, JSON.stringify({ ...plain, tls: { ...tls, key: tls.key.reveal() } }), { mode: 0o600 });
  const agent = spawn(process.execPath, [join(import.meta.dirname, 'doomed-agent.ts'), path, what], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(agent, 'exit', { signal: soon() });
  const [piece] = (await once(agent.stdout, 'data', { signal: soon() })) as [Buffer];
  agent.kill('SIGKILL');
  await exited;
  return piece.toString().split('\n')[0] ?? '';
}
