import { messageOf } from '#lib/base/errors.ts';
import { failureReasonOf, isServiceError } from '#lib/link/call-failure.ts';
import { linkErrors } from '#lib/link/errors.ts';
import { ClockState, LocalApi } from '#lib/link/gen/hallkeeper/v1/terminal_link.ts';
import type { Desired, Down, Heartbeat } from '#lib/link/gen/hallkeeper/v1/terminal_link.ts';
import type { AttachStream } from './attach-stream.ts';
import { ChannelTotals } from './channel-totals.ts';
import { decideDown } from './decide-down.ts';
import { QuietTime } from './quiet-time.ts';
import { seekLeader } from './seek-leader.ts';
import type { Welcomed } from './seek-leader.ts';
import type { TerminalNames, TerminalPorts } from './terminal-ports.ts';

/** What people and tests can see of an agent. Times by its monotonic clock. */
export interface TerminalStatus {
  readonly isOnline: boolean;
  /** Since when it is online or seeking. */
  readonly sinceMs: number;
  readonly member: string | undefined;
  readonly address: string | undefined;
  readonly epoch: bigint;
  readonly calls: number;
  readonly failures: number;
  readonly roundTripUs: number | undefined;
  readonly desired: Desired | undefined;
  /** Why the last connection was lost or none was found. */
  readonly why: string;
}

/** After a lost connection a terminal waits up to this long, so that a hall does not come back in one instant. */
const reconnectJitterMs = 1_000;
/** The leading member counts as lost when silent for this many heartbeat intervals. */
const silentIntervals = 2.5;
const intervalMinMs = 100;

const localApiWire = {
  absent: LocalApi.LOCAL_API_UNSPECIFIED,
  working: LocalApi.LOCAL_API_WORKING,
  failing: LocalApi.LOCAL_API_FAILING,
} as const;

/** One terminal: finds the member that leads, tells it once a second how things stand, and obeys nobody of a lower epoch. */
export class TerminalAgent {
  readonly #names: TerminalNames;
  readonly #ports: TerminalPorts;
  readonly #totals = new ChannelTotals('default');
  readonly #startedMs: number;
  #sequence = 0n;
  #status: Pick<TerminalStatus, 'isOnline' | 'sinceMs' | 'member' | 'address' | 'why'>;
  #desired: Desired | undefined;

  constructor(names: TerminalNames, ports: TerminalPorts) {
    this.#names = names;
    this.#ports = ports;
    this.#startedMs = ports.clock.nowMs();
    this.#status = { isOnline: false, sinceMs: this.#startedMs, member: undefined, address: undefined, why: 'it has just started' };
  }

  status(): TerminalStatus {
    const epoch = this.#ports.epochs.highest(this.#names.pairUid);
    const { calls, failures, roundTripUs } = this.#totals;
    return { ...this.#status, epoch, calls, failures, roundTripUs, desired: this.#desired };
  }

  /** Works until the signal aborts. Never gives up: the hall may be away for days. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, random, log } = this.#ports;
    while (!signal.aborted) {
      let welcomed: Welcomed | undefined;
      try {
        const tell = (why: string): void => {
          this.#status = { ...this.#status, why };
        };
        welcomed = await seekLeader(this.#names, this.#totals, this.#ports, tell, signal);
        this.#becameOnline(welcomed);
        await this.#serve(welcomed, signal);
      } catch (error) {
        if (signal.aborted) return;
        const why = messageOf(error);
        this.#status = { isOnline: false, sinceMs: clock.nowMs(), member: undefined, address: undefined, why };
        log.warn({ why }, 'the hall is lost; it is sought again');
        await clock.sleep(random.below(reconnectJitterMs), signal).catch(() => undefined);
      } finally {
        welcomed?.stream.close();
      }
    }
  }

  #becameOnline({ stream, welcome }: Welcomed): void {
    const { clock, log, epochs } = this.#ports;
    this.#desired = welcome.desired;
    const { member } = welcome;
    const { address } = stream.endpoint;
    this.#status = { isOnline: true, sinceMs: clock.nowMs(), member, address, why: '' };
    log.info({ member, address, epoch: Number(epochs.highest(this.#names.pairUid)) }, 'welcomed by the leading member');
  }

  /** Heartbeats until the connection is lost. Always throws, the reason why. */
  async #serve({ stream, welcome }: Welcomed, signal: AbortSignal): Promise<never> {
    const { clock } = this.#ports;
    let intervalMs = Math.max(intervalMinMs, welcome.heartbeatIntervalMs);
    const sentAtMs = new Map<bigint, number>();
    const over = new AbortController();
    const serveSignal = AbortSignal.any([over.signal, signal]);
    let quiet = new QuietTime(intervalMs, clock.nowMs());
    let pace = new AbortController();
    const reading = this.#read(stream, serveSignal, (down) => {
      quiet.heard();
      if (down.body?.$case === 'desired') {
        this.#desired = down.body.value;
        const wishedMs = Math.max(intervalMinMs, down.body.value.heartbeatIntervalMs ?? intervalMs);
        if (wishedMs === intervalMs) return;
        // The next heartbeat goes at once: from it on the hall judges by the new interval.
        intervalMs = wishedMs;
        quiet = new QuietTime(intervalMs, clock.nowMs());
        pace.abort();
      }
      if (down.body?.$case !== 'heartbeatAnswer') return;
      const sentMs = sentAtMs.get(down.body.value.sequence);
      sentAtMs.delete(down.body.value.sequence);
      if (sentMs !== undefined) this.#totals.answered(clock.nowMs() - sentMs);
    });
    reading.catch(() => undefined);
    try {
      for (let dueMs = clock.nowMs(); ; dueMs += intervalMs) {
        const nowMs = clock.nowMs();
        const silentMs = silentIntervals * intervalMs;
        if (quiet.look(nowMs) >= silentMs) throw linkErrors.HK_LINK_SILENT(`${silentMs} ms`);
        // After a pause of our own, or at a new pace, the missed heartbeats are not made up for: the totals lose nothing.
        if (Math.abs(nowMs - dueMs) > intervalMs || pace.signal.aborted) dueMs = nowMs;
        if (pace.signal.aborted) pace = new AbortController();
        this.#totals.call();
        const heartbeat = this.#heartbeat();
        sentAtMs.set(heartbeat.sequence, nowMs);
        stream.send({ $case: 'heartbeat', value: heartbeat });
        const changed = AbortSignal.any([pace.signal, serveSignal]);
        const pause = clock.sleep(Math.max(1, dueMs + intervalMs - clock.nowMs()), changed).catch((error: unknown) => {
          if (serveSignal.aborted) throw error;
        });
        await Promise.race([pause, reading]);
      }
    } catch (error) {
      if (!signal.aborted && sentAtMs.size > 0) this.#countLost(stream, sentAtMs.size);
      throw error;
    } finally {
      over.abort();
    }
  }

  /** Hands on every message that may command us. Always throws, the reason why it ended. */
  async #read(stream: AttachStream, signal: AbortSignal, take: (down: Down) => void): Promise<never> {
    const { pairUid } = this.#names;
    for (;;) {
      const down = await stream.next(signal);
      signal.throwIfAborted();
      if (down === undefined) throw linkErrors.HK_LINK_BROKEN(messageOf(stream.error), { cause: stream.error });
      const head = { pairUid: down.pairUid, epoch: down.epoch, isNotPrimary: down.body?.$case === 'notPrimary' };
      const decision = decideDown(head, { pairUid, highest: this.#ports.epochs.highest(pairUid) });
      if (decision.do === 'refuse' && decision.why === 'foreignPair') throw linkErrors.HK_LINK_FOREIGN_PAIR(down.pairUid.slice(0, 64));
      if (decision.do === 'refuse') throw linkErrors.HK_LINK_OLD_EPOCH(String(down.epoch));
      if (decision.do === 'pass') throw linkErrors.HK_LINK_NOT_PRIMARY('the member stopped leading');
      take(down);
    }
  }

  #countLost(stream: AttachStream, unanswered: number): void {
    const reason = isServiceError(stream.error) ? failureReasonOf(stream.error, true) : stream.error === undefined ? 'silent' : 'broken';
    for (let count = 0; count < unanswered; count += 1) this.#totals.failed(reason);
  }

  #heartbeat(): Heartbeat {
    const { clock, readGame } = this.#ports;
    const nowMs = clock.nowMs();
    const game = readGame();
    this.#sequence += 1n;
    return {
      sequence: this.#sequence,
      monotonicMs: BigInt(Math.floor(nowMs)),
      wallUnixMs: BigInt(Math.floor(clock.wallMs())),
      clockState: ClockState.CLOCK_STATE_UNSPECIFIED,
      uptimeMs: BigInt(Math.floor(nowMs - this.#startedMs)),
      gameProgress: game.progress,
      openSession: undefined,
      localApi: localApiWire[game.localApi],
      localApiLatencyUs: undefined,
      channels: [this.#totals.quality(true)],
    };
  }
}
