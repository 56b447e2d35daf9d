import { join } from 'node:path';
import { Client } from 'pg';
import type { Stage } from './stage.ts';
import type { Machine } from './chaos-pair.ts';

const answerMaxMs = 30_000;

/** A session of the superuser by the Unix socket, to which no cut and no closed door matters. It waits for no standby. */
export async function localSession(stage: Stage, { member }: Machine, database = 'app'): Promise<Client & AsyncDisposable> {
  const client = new Client({
    host: join(member.directory, 'state', 'postgresql', 'socket'),
    port: stage.stand.postgresPort,
    user: 'hallkeeper',
    database,
    options: '-c synchronous_commit=local',
    query_timeout: answerMaxMs,
  });
  client.on('error', () => undefined);
  await client.connect();
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.end().catch(() => undefined) });
}
