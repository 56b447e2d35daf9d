import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from 'pg';
import type { StandMember } from '../pair/stand-member.ts';
import { commit } from '../pair/writer.ts';
import type { Acknowledged } from '../pair/writer.ts';
import { openLocally } from './local-session.ts';

const applicationName = 'chaos_local_observer';
/** Between two commits, or two looks whether the server still recovers: its load is a fifth of that of a client that watches. */
const everyMs = 50;
/** A commit that takes longer is given up, and repeated with the same id. */
const attemptMs = 1_000;

/** Whoever was acknowledged, and of what. */
export interface Witness {
  readonly acknowledged: readonly Acknowledged[];
}

/**
 * A client on the machine of one member, which comes in by the Unix socket: the door that keeps other clients out of a server that does
 * not lead is open to it, so that it sees whether the gate behind the door is closed. It waits for the standby as they do.
 */
export class LocalObserver implements Witness {
  readonly acknowledged: Acknowledged[] = [];
  lastError = '';
  readonly #member: Pick<StandMember, 'directory'>;
  readonly #port: number;
  readonly #firstId: number;
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;

  constructor(member: Pick<StandMember, 'directory'>, { port, firstId }: { readonly port: number; readonly firstId: number }) {
    this.#member = member;
    this.#port = port;
    this.#firstId = firstId;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    let client: Client | undefined;
    for (let id = this.#firstId; !this.#stop.signal.aborted;) {
      const beginMs = performance.now();
      try {
        client ??= await this.#open();
        if (!(await inRecovery(client))) {
          const sentMs = performance.now();
          await commit(client, id);
          this.acknowledged.push({ id, sentMs, atMs: performance.now() });
          id += 1;
        }
      } catch (error) {
        this.lastError = error instanceof Error ? error.message : String(error);
        await client?.end().catch(() => undefined);
        client = undefined;
      }
      await sleep(Math.max(0, everyMs - (performance.now() - beginMs)));
    }
    await client?.end().catch(() => undefined);
  }

  /** A session that was given up in the middle of its wait goes on waiting in the server: there must never be more than one. */
  async #open(): Promise<Client> {
    const client = await openLocally(this.#member, { port: this.#port, synchronousCommit: 'on', applicationName, attemptMs });
    try {
      await client.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1 AND pid <> pg_backend_pid()', [
        applicationName,
      ]);
      return client;
    } catch (error) {
      await client.end().catch(() => undefined);
      throw error;
    }
  }
}

async function inRecovery(client: Client): Promise<boolean> {
  const { rows } = await client.query<{ readonly recovers: boolean }>('SELECT pg_is_in_recovery() AS recovers');
  return rows[0]?.recovers !== false;
}
