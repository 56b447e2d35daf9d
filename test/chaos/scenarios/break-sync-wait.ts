import { connect } from 'node:net';
import type { Client } from 'pg';
import { commit, newClient } from '../../pair/writer.ts';
import type { Machine } from '../chaos-pair.ts';
import { firstIds } from '../first-ids.ts';
import { localSession } from '../local-session.ts';
import type { Scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';

const attemptMaxMs = 60_000;
const waitingMaxMs = 400;
const triesMax = 10;
/** Never the same twice. */
let nextId: number = firstIds.brokenWaits;

type Breaking = (client: Client, session: Client, machine: Machine) => Promise<void>;

/** What a client knows of its session and its library does not show. */
interface Keys {
  readonly processID: number;
  readonly secretKey: number;
}

const keysOf = (client: Client): Keys => client as unknown as Keys;

/** The request by which a client asks, on a connection of its own, for the statement of another one to be cancelled. */
const cancel: Breaking = async (client, _session, { member }) => {
  const { processID, secretKey } = keysOf(client);
  const message = Buffer.alloc(16);
  message.writeInt32BE(16, 0);
  message.writeInt32BE(80_877_102, 4);
  message.writeInt32BE(processID, 8);
  message.writeInt32BE(secretKey, 12);
  await new Promise<void>((resolve, reject) => {
    const socket = connect({ host: member.address, port: client.port });
    socket.once('error', reject);
    socket.once('close', () => resolve());
    socket.resume().end(message);
  });
};

const terminate: Breaking = async (client, session) => {
  await session.query('SELECT pg_terminate_backend($1)', [keysOf(client).processID]);
};

async function waits(client: Client, session: Client): Promise<boolean> {
  const endMs = performance.now() + waitingMaxMs;
  while (performance.now() < endMs) {
    const { rows } = await session.query('SELECT 1 FROM pg_stat_activity WHERE pid = $1 AND wait_event = $2', [
      keysOf(client).processID,
      'SyncRep',
    ]);
    if (rows.length > 0) return true;
  }
  return false;
}

/**
 * One try: a commit waits for a standby that does not answer, its wait is broken, and the client repeats it with the same id, which must
 * wait again. Undefined when the primary went on alone before all of this was seen.
 */
async function attempt(stage: Stage, session: Client, breaking: Breaking): Promise<number | undefined> {
  const { primary, standby, stand } = stage;
  const connection = { port: stand.postgresPort, client: stand.client };
  const goOn = await stage.freeze(standby, 'walreceiver');
  const id = (nextId += 1);
  const clients = [1, 2].map(() => newClient(primary.member.address, connection, attemptMaxMs)) as [Client, Client];
  try {
    for (const each of clients) await each.connect();
    const [first, second] = clients;
    const broken = commit(first, id).then(
      () => false,
      () => true,
    );
    if (!(await waits(first, session))) return undefined;
    await breaking(first, session, primary);
    if (!(await broken)) throw new Error('a commit whose wait was broken counted as acknowledged');
    let repeated = false;
    const again = commit(second, id).then(() => (repeated = true));
    again.catch(() => undefined);
    if (!(await waits(second, session))) {
      const { record } = await stage.status(primary);
      if (repeated && record?.mode === 'sync') throw new Error('the repeated commit did not wait, though the standby had nothing of it');
      return undefined;
    }
    goOn();
    await again;
    return id;
  } finally {
    goOn();
    for (const each of clients) await each.end().catch(() => undefined);
  }
}

function breakSyncWait(name: string, about: string, breaking: Breaking): Scenario {
  return {
    name,
    group: 'postgresql',
    about: `${about}, and repeated with the same id; then the primary is killed, and the row is there.`,
    changes: 1,
    act: async (stage) => {
      const { primary, standby, stand } = stage;
      await using session = await localSession(stage, primary);
      let id: number | undefined;
      for (let tries = 0; id === undefined; tries += 1) {
        if (tries === triesMax) throw new Error('the primary always went on alone before the commit was seen to wait twice');
        id = await attempt(stage, session, breaking);
        await stage.inStep();
      }
      await stage.primaryFails(() => primary.member.killPostgres());
      await stage.takenOver();
      await stage.acknowledgedBy(standby);
      const client = newClient(standby.member.address, { port: stand.postgresPort, client: stand.client }, attemptMaxMs);
      try {
        await client.connect();
        const { rows } = await client.query('SELECT id FROM written WHERE id = $1', [id]);
        if (rows.length !== 1) throw new Error(`the row ${id}, which was acknowledged, is not there`);
      } finally {
        await client.end();
      }
    },
  };
}

export const cancelSyncWait = breakSyncWait('cancel-sync-wait', 'A commit is cancelled while it waits for the standby', cancel);
export const terminateSyncWait = breakSyncWait(
  'terminate-sync-wait',
  'A session is ended while its commit waits for the standby',
  terminate,
);
