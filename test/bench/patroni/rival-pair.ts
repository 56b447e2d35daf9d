import { randomBytes } from 'node:crypto';
import { chmod, chown, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createAuthority } from '#lib/pki/authority.ts';
import type { Authority } from '#lib/pki/authority.ts';
import { issueLeaf } from '#lib/pki/leaf.ts';
import { startBranch } from '../../cluster/branch.ts';
import type { Branch } from '../../cluster/branch.ts';
import { startChild } from '../../cluster/child.ts';
import type { Child } from '../../cluster/child.ts';
import { eventually } from '../../cluster/eventually.ts';
import { serversAddress, startBridgedNetwork } from '../../cluster/network.ts';
import type { BridgedNetwork } from '../../cluster/network.ts';
import { postgresUser } from '../../cluster/postgres-user.ts';
import { controlPlaneProgram, postgresPrograms, systemProgram } from '../../cluster/programs.ts';
import { runTool } from '../../cluster/run-tool.ts';
import { temporaryFolder } from '../../cluster/temporary.ts';
import { mountDisk } from '../../chaos/disk.ts';
import { observerOf } from '../../chaos/observer.ts';
import { signalServer } from '../../pair/server-processes.ts';
import type { Writer, WriterConnection } from '../../pair/writer.ts';
import type { Client } from '../../pair/pair-stand.ts';
import type { Name } from '../../pair/watch-pair.ts';
import { patroniConfiguration } from './configuration.ts';
import type { PatroniTimes } from './times.ts';

const trustDomain = 'hallkeeper.dev';
const pairUid = '5b1e2f4a-0000-4000-8000-000000000008';
const host = { a: 11, b: 12 } as const;
const waits = { maxMs: 180_000, everyMs: 100 } as const;

/** One machine of the rival. */
export interface RivalMachine {
  readonly name: Name;
  readonly address: string;
  readonly branch: Branch;
  start(): Promise<void>;
  /** Patroni and its PostgreSQL at once. */
  signal(signal: NodeJS.Signals): Promise<void>;
  /** Its PostgreSQL alone. */
  signalPostgres(signal: NodeJS.Signals): Promise<void>;
  /** What its REST interface answers: 200 means yes to the question that the path is. */
  asks(path: string): Promise<boolean>;
  post(path: string, body: object): Promise<void>;
}

/** Patroni on machines as ours are, with a real etcd and the same clients. */
export interface RivalPair extends AsyncDisposable {
  readonly machines: Readonly<Record<Name, RivalMachine>>;
  readonly observers: Readonly<Record<Name, Writer>>;
  readonly connection: WriterConnection;
}

/**
 * Starts both members and waits until the second is a synchronous standby.
 *
 * @throws Error when Patroni is not installed or the machine allows no network namespaces
 */
export async function startRivalPair(times: PatroniTimes): Promise<RivalPair> {
  const stack = new AsyncDisposableStack();
  try {
    const network = stack.use(await startBridgedNetwork());
    const folder = stack.use(await temporaryFolder('patroni'));
    await chmod(folder.path, 0o755);
    const authority = await createAuthority({ commonName: 'rival ca', nowMs: Date.now() });
    const port = await network.freePort();
    const shared: Shared = {
      folder: folder.path,
      network,
      authority,
      etcd: await startEtcd(stack, folder.path, network),
      restPort: await network.freePort(),
      postgresPort: port,
      passwords: { superuser: randomBytes(16).toString('hex'), replication: randomBytes(16).toString('hex') },
      times,
    };
    const machines = { a: await prepare('a', shared, stack), b: await prepare('b', shared, stack) };
    await machines.a.start();
    await eventually('the first member of Patroni leads', () => machines.a.asks('/primary'), waits);
    const createdb = ['-h', join(folder.path, 'a'), '-p', String(port), '-U', 'postgres', '-O', 'app', 'app'];
    await runTool(join(postgresPrograms(), 'createdb'), createdb);
    await machines.b.start();
    await eventually('the second member of Patroni is a synchronous standby', () => machines.b.asks('/sync'), waits);
    const connection = { port, client: await clientOf(authority), localAddress: network.observerAddress };
    const observers = { a: observe(machines.a, connection, stack), b: observe(machines.b, connection, stack) };
    const owned = stack.move();
    return { machines, observers, connection, [Symbol.asyncDispose]: () => owned.disposeAsync() };
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}

interface Shared {
  readonly folder: string;
  readonly network: BridgedNetwork;
  readonly authority: Authority;
  readonly etcd: string;
  readonly restPort: number;
  readonly postgresPort: number;
  readonly passwords: { readonly superuser: string; readonly replication: string };
  readonly times: PatroniTimes;
}

/** An etcd without TLS, which only servers of this run reach. Returns host and port. */
async function startEtcd(stack: AsyncDisposableStack, folder: string, network: BridgedNetwork): Promise<string> {
  const at = `${await network.address(serversAddress)}:${await network.freePort()}`;
  const peers = `http://${await network.address(serversAddress)}:${await network.freePort()}`;
  const directory = join(folder, 'etcd');
  await mkdir(directory);
  const clients = ['--listen-client-urls', `http://${at}`, '--advertise-client-urls', `http://${at}`];
  stack.use(
    await startChild({
      name: 'etcd',
      command: controlPlaneProgram('etcd'),
      args: ['--data-dir', join(directory, 'data'), ...clients, '--listen-peer-urls', peers, '--log-level', 'error'],
      directory,
      network,
      ready: async (signal) => (await fetch(`http://${at}/health`, { signal })).ok,
    }),
  );
  return at;
}

async function prepare(name: Name, shared: Shared, stack: AsyncDisposableStack): Promise<RivalMachine> {
  const branch = stack.use(await startBranch(shared.network, host[name]));
  const directory = join(shared.folder, name);
  stack.use(await mountDisk(directory));
  const leaf = await issueLeaf(shared.authority, {
    identity: { kind: 'member', trustDomain, pairUid, name },
    commonName: 'rival',
    ipAddresses: [branch.ownAddress],
    usages: ['server', 'client'],
    nowMs: Date.now(),
  });
  const { uid, gid } = postgresUser();
  await chown(directory, uid, gid);
  const keep = async (file: string, text: string): Promise<string> => {
    const path = join(directory, file);
    await writeFile(path, text, { mode: 0o600 });
    await chown(path, uid, gid);
    return path;
  };
  const configuration = patroniConfiguration({
    ...shared,
    name,
    address: branch.ownAddress,
    dataDirectory: join(directory, 'data'),
    binDirectory: postgresPrograms(),
    socketDirectory: directory,
    tls: {
      certificate: await keep('server.crt', leaf.certificatePem),
      key: await keep('server.key', leaf.privateKeyPem.reveal()),
      authority: await keep('ca.crt', shared.authority.certificatePem),
    },
  });
  const machine = machineOf(name, { branch, directory, file: await keep('patroni.yml', configuration), restPort: shared.restPort });
  stack.defer(() => machine.signal('SIGKILL'));
  return machine;
}

function machineOf(
  name: Name,
  { branch, directory, file, restPort }: { branch: Branch; directory: string; file: string; restPort: number },
): RivalMachine {
  let child: Child | undefined;
  const url = `http://${branch.ownAddress}:${restPort}`;
  return {
    name,
    address: branch.ownAddress,
    branch,
    start: async () => {
      const env = { PATH: `${postgresPrograms()}:/usr/bin:/bin`, HOME: directory };
      const user = postgresUser();
      child = await startChild({
        name: `patroni-${name}-${Date.now()}`,
        command: systemProgram('patroni'),
        args: [file],
        directory,
        network: branch,
        user,
        env,
      });
    },
    signal: (signal) => {
      child?.signal(signal);
      signalServer(join(directory, 'data'), signal);
      return Promise.resolve();
    },
    signalPostgres: (signal) => Promise.resolve(signalServer(join(directory, 'data'), signal)),
    asks: async (path) =>
      await fetch(`${url}${path}`, { signal: AbortSignal.timeout(2_000) }).then(
        ({ status }) => status === 200,
        () => false,
      ),
    post: async (path, body) => {
      const answer = await fetch(`${url}${path}`, { method: 'POST', body: JSON.stringify(body) });
      if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    },
  };
}

async function clientOf(authority: Authority): Promise<Client> {
  const identity = { kind: 'client', trustDomain, pairUid, role: 'app' } as const;
  const app = await issueLeaf(authority, { identity, commonName: 'app', usages: ['client'], nowMs: Date.now() });
  return { authority: authority.certificatePem, certificate: app.certificatePem, key: app.privateKeyPem };
}

function observe(machine: RivalMachine, connection: WriterConnection, stack: AsyncDisposableStack): Writer {
  const writer = observerOf(machine.name, machine.address, connection);
  stack.defer(() => writer.stop());
  writer.start();
  return writer;
}
