import { execFile } from 'node:child_process';
import { chown, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Client } from 'pg';
import { startChild } from '../cluster/child.ts';
import type { Child } from '../cluster/child.ts';
import { postgresUser } from '../cluster/postgres-user.ts';
import { postgresPrograms, systemProgram } from '../cluster/programs.ts';
import { temporaryFolder } from '../cluster/temporary.ts';

/** One PostgreSQL with the database and role of the hall server, reached by its Unix socket alone. */
export interface PlainPostgres extends AsyncDisposable {
  readonly ledger: { readonly socketDirectory: string; readonly port: number; readonly database: string; readonly user: string };
  /** Runs SQL as superuser, one statement. */
  query(text: string, values?: readonly unknown[]): Promise<readonly Readonly<Record<string, unknown>>[]>;
  /** SIGKILL to the postmaster, as a crash; its children end by themselves. */
  kill(): Promise<void>;
  start(): Promise<void>;
}

const port = 5432;

export async function startPlainPostgres(): Promise<PlainPostgres> {
  const folder = await temporaryFolder('ledger');
  const user = postgresUser();
  const data = join(folder.path, 'data');
  const socketDirectory = join(folder.path, 'socket');
  const run = promisify(execFile);
  for (const path of [data, socketDirectory]) {
    await mkdir(path, { mode: path === data ? 0o700 : 0o755 });
    if (process.getuid?.() === 0) await chown(path, user.uid, user.gid);
  }
  const identity = process.getuid?.() === 0 ? ['--reuid', String(user.uid), '--regid', String(user.gid), '--clear-groups'] : [];
  const initdb = ['--auth=trust', '--username=hallkeeper', '--no-sync', '-D', data];
  await run(systemProgram('setpriv'), [...identity, join(postgresPrograms(), 'initdb'), ...initdb], {
    cwd: data,
    env: { ...process.env, LC_ALL: 'C' },
  });
  let child: Child | undefined;
  const query = async (text: string, values: readonly unknown[] = [], database = 'hallkeeper'): ReturnType<PlainPostgres['query']> => {
    const client = new Client({ host: socketDirectory, port, database, user: 'hallkeeper', connectionTimeoutMillis: 5_000 });
    client.on('error', () => undefined);
    await client.connect();
    try {
      return (await client.query(text, [...values])).rows as Readonly<Record<string, unknown>>[];
    } finally {
      await client.end();
    }
  };
  const start = async (): Promise<void> => {
    const settings = ['listen_addresses=', `unix_socket_directories=${socketDirectory}`, 'fsync=off', 'shared_buffers=16MB'];
    child = await startChild({
      name: 'postgres',
      command: join(postgresPrograms(), 'postgres'),
      args: ['-D', data, ...settings.flatMap((setting) => ['-c', setting])],
      directory: folder.path,
      workingFolder: data,
      ...(process.getuid?.() === 0 ? { user } : {}),
      ready: async () => (await query('select 1', [], 'postgres')).length === 1,
    });
  };
  await start();
  await query('create role hallkeeper_hall login', [], 'postgres');
  await query('create database hallkeeper', [], 'postgres');
  await query('grant create on database hallkeeper to hallkeeper_hall');
  return {
    ledger: { socketDirectory, port, database: 'hallkeeper', user: 'hallkeeper_hall' },
    query,
    start,
    kill: async () => child?.kill(),
    [Symbol.asyncDispose]: async () => {
      await child?.kill();
      await folder.remove();
    },
  };
}
