import type { Clock } from '#lib/base/clock.ts';
import { within } from '#lib/base/deadline.ts';
import { messageOf } from '#lib/base/errors.ts';
import type { Logger } from '#lib/base/log.ts';
import type { MemberState } from '#lib/pair/member-state.ts';
import type { Lineage, PostgresInstance } from '#lib/postgres/instance.ts';

const everyMs = 2_000;
/** The log since the last checkpoint is read whole. */
const lookMaxMs = 60_000;

interface StoppedLogPorts {
  readonly instance: Pick<PostgresInstance, 'stoppedLineage'>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly state: () => Pick<MemberState, 'arbiter' | 'postgres' | 'operation'>;
}

/**
 * Where the log of a stopped PostgreSQL ends, and its past, for the comparison before one member is adopted. It is looked up only while the role is
 * frozen: then nobody starts that PostgreSQL, so that one look is enough. What pg_control says would be too little.
 */
export class StoppedLog {
  readonly #ports: StoppedLogPorts;
  #end: Lineage | undefined;

  constructor(ports: StoppedLogPorts) {
    this.#ports = ports;
  }

  /** Undefined while PostgreSQL runs or may be started, and until it was looked up. */
  get end(): Lineage | undefined {
    return this.#lies() ? this.#end : undefined;
  }

  async watch(signal: AbortSignal): Promise<void> {
    const { instance, clock, log } = this.#ports;
    while (!signal.aborted) {
      if (!this.#lies()) this.#end = undefined;
      else if (this.#end === undefined) {
        try {
          this.#end = await instance.stoppedLineage(within(lookMaxMs, 'looking for the end of the log', signal));
        } catch (error) {
          if (!signal.aborted) log.warn({ error: messageOf(error) }, 'where the log of the stopped PostgreSQL ends was not found');
        }
      }
      await clock.sleep(everyMs, signal).catch(() => undefined);
    }
  }

  #lies(): boolean {
    const { arbiter, postgres, operation } = this.#ports.state();
    return arbiter.frozen !== undefined && postgres.process === 'down' && postgres.data !== 'empty' && operation === undefined;
  }
}
