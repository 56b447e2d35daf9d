import { join } from 'node:path';
import { Client } from 'pg';
import type { StandMember } from '../pair/stand-member.ts';
import type { Machine } from './chaos-pair.ts';
import type { Stage } from './stage.ts';

const answerMaxMs = 30_000;

interface LocalChoice {
  readonly port: number;
  readonly database?: string;
  /** What its commits wait for, as PostgreSQL calls it; absent: for no standby. */
  readonly synchronousCommit?: 'on' | 'local';
  readonly applicationName?: string;
  /** A connection, or a statement, that takes longer is given up. */
  readonly attemptMs?: number;
}

/** A session of the superuser by the Unix socket, to which no cut and no closed door matters. */
export async function openLocally(
  { directory }: Pick<StandMember, 'directory'>,
  { port, database = 'app', synchronousCommit = 'local', applicationName = 'chaos', attemptMs = answerMaxMs }: LocalChoice,
): Promise<Client> {
  const client = new Client({
    host: join(directory, 'state', 'postgresql', 'socket'),
    port,
    user: 'hallkeeper',
    database,
    application_name: applicationName,
    options: `-c synchronous_commit=${synchronousCommit}`,
    connectionTimeoutMillis: attemptMs,
    query_timeout: attemptMs,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return client;
  } catch (error) {
    await client.end().catch(() => undefined);
    throw error;
  }
}

/** Such a session for a scenario. It waits for no standby. */
export async function localSession(stage: Stage, { member }: Machine, database = 'app'): Promise<Client & AsyncDisposable> {
  const client = await openLocally(member, { port: stage.stand.postgresPort, database });
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.end().catch(() => undefined) });
}
