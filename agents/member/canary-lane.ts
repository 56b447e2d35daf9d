import { untilBeat } from '#lib/base/beat.ts';
import type { Clock } from '#lib/base/clock.ts';
import { runWithin, within } from '#lib/base/deadline.ts';
import { codeOf } from '#lib/base/errors.ts';
import type { MemberEvent } from '#lib/pair/events.ts';
import type { PostgresInstance, SqlLine } from '#lib/postgres/instance.ts';
import type { Lsn } from '#lib/postgres/lsn.ts';
import { lineFailureOf } from '#lib/postgres/sql-line.ts';
import type { Nudge } from './nudge.ts';

export interface CanaryPorts {
  readonly instance: Pick<PostgresInstance, 'openLine' | 'openPeerLine' | 'commitLocal' | 'commitSynchronous' | 'endStuckCanaries'>;
  readonly clock: Clock;
  readonly periodMs: number;
  /** Rung when another path to the peer breaks: whether this one holds is wanted at once. */
  readonly nudge: Nudge;
  /** Whether the own server runs as primary right now; else the peer's is probed. */
  readonly leads: () => boolean;
  readonly tell: (event: MemberEvent) => void;
  /** A commit whose wait was cancelled. */
  readonly falseAck: () => void;
  /** Each success, with how long it took; undefined when a commit of the other kind proved it too. */
  readonly took: (which: 'local' | 'sync' | 'remote', ms: number | undefined) => void;
}

type Which = 'local' | 'sync' | 'remote';

/** A probe that hangs is given up after this and begun anew on a fresh connection; the core judges by its age meanwhile. */
const giveUpMs = { local: 5_000, sync: 10_000, remote: 1_000 } as const;

/** Two probes of the peer begin at least so far apart, however often they are wanted at once. */
const probeApartMs = 20;

/** After the first failure the next probe comes at once, after this; from then on every period. */
const brokenPauseMs = 5;

/**
 * Probe writes: on the primary one that waits as clients do and one that waits for nobody, on the standby one at the primary. What the
 * peer has is on this member's disk too: while commits of the first kind come back within a period, the second kind is not needed.
 */
export async function runCanaries(ports: CanaryPorts, signal: AbortSignal): Promise<void> {
  const { instance, clock, periodMs, tell, took } = ports;
  let provenMs = Number.NEGATIVE_INFINITY;
  const local = instance.openLine('canary');
  const sync = instance.openLine('sync');
  const control = instance.openLine('sync_end');
  const remote = instance.openPeerLine('canary');
  await Promise.all([
    probe('local', { ...ports, leads: () => ports.leads() && clock.nowMs() - provenMs > 1.5 * periodMs }, signal, (limit) =>
      instance.commitLocal(local, limit),
    ),
    probe('sync', ports, signal, async (limit) => {
      const begun = clock.nowMs();
      tell({ on: 'canary', which: 'local', result: 'started' });
      try {
        const position = await instance.commitSynchronous(sync, limit);
        // One that took longer says nothing about this disk now.
        if (clock.nowMs() - begun > periodMs) return position;
        provenMs = clock.nowMs();
        tell({ on: 'canary', which: 'local', result: 'ok' });
        took('local', undefined);
        return position;
      } catch (error) {
        // Its session still waits for the peer and would hold a connection for each attempt.
        if (limit.aborted && !signal.aborted) await endStuck(instance, control, signal);
        throw error;
      }
    }),
    probe('remote', ports, signal, (limit) => instance.commitLocal(remote, limit)),
  ]);
}

async function endStuck(instance: CanaryPorts['instance'], line: SqlLine, signal: AbortSignal): Promise<void> {
  await instance.endStuckCanaries(line, 'sync', within(1_000, 'ending stuck canaries', signal)).catch(() => undefined);
}

async function probe(which: Which, ports: CanaryPorts, signal: AbortSignal, write: (limit: AbortSignal) => Promise<Lsn>): Promise<void> {
  const { clock, periodMs, nudge, tell } = ports;
  let well = true;
  while (!signal.aborted) {
    const begun = clock.nowMs();
    let pauseMs: number | undefined;
    if (ports.leads() === (which !== 'remote')) {
      tell({ on: 'canary', which, result: 'started' });
      try {
        const position = await runWithin(giveUpMs[which], `the ${which} canary`, signal, write);
        ports.took(which, clock.nowMs() - begun);
        tell({ on: 'canary', which, result: 'ok', ...(which === 'sync' ? { position } : {}) });
        well = true;
      } catch (error) {
        if (codeOf(error) === 'HK_POSTGRES_NOT_SYNCHRONOUS') ports.falseAck();
        const result = resultOf(error);
        tell({ on: 'canary', which, result });
        // A connection that broke says little; whether a new one is refused says whether the server is dead.
        if (well && result === 'failed') pauseMs = brokenPauseMs;
        well = false;
      }
    }
    const restMs = pauseMs ?? untilBeat(clock, periodMs);
    // The primary's own probes ring that bell when they fail: they would wake each other for ever.
    if (which !== 'remote') {
      await clock.sleep(restMs, signal).catch(() => undefined);
      continue;
    }
    await nudge.sleep(clock, restMs, signal);
    const soonMs = probeApartMs - (clock.nowMs() - begun);
    if (soonMs > 0) await clock.sleep(soonMs, signal).catch(() => undefined);
  }
}

/** A server that is full of connections, or starting, is alive: its answer says so, only the probe was refused. */
function resultOf(error: unknown): 'alive' | 'failed' | 'refused' {
  const failure = lineFailureOf(error);
  if (failure === 'full') return 'alive';
  return failure === 'refused' ? 'refused' : 'failed';
}
