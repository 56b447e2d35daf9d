import { status } from '@grpc/grpc-js';
import type { ServerDuplexStream } from '@grpc/grpc-js';
import type { Clock } from '#lib/base/clock.ts';
import { messageOf } from '#lib/base/errors.ts';
import type { HallkeeperError } from '#lib/base/errors.ts';
import type { Logger } from '#lib/base/log.ts';
import { TerminalLinkService } from '#lib/link/gen/hallkeeper/v1/terminal_link.ts';
import type { Down, Heartbeat, Hello, Up } from '#lib/link/gen/hallkeeper/v1/terminal_link.ts';
import { rosterTerminalsMax, terminalMessageBytesMax } from '#lib/link/limits.ts';
import type { HallIdentity } from '#lib/pki/identity.ts';
import { decideRun } from './decide-run.ts';
import { hallErrors } from './errors.ts';
import type { Leadership } from './leadership.ts';
import type { HallMeter } from './hall-meter.ts';
import { LinkSession } from './link-session.ts';
import { isTerminal, requirePeer } from './peer.ts';
import type { TrustNow } from './peer.ts';
import { refusalOf } from './refusal.ts';
import type { Reign } from './reign.ts';

export interface TerminalLinkSettings {
  readonly hall: string;
  readonly pairUid: string;
  readonly member: string;
}

export interface TerminalLinkPorts {
  readonly leadership: Pick<Leadership, 'reign' | 'highestEpoch'>;
  readonly trust: TrustNow;
  readonly clock: Clock;
  readonly log: Logger;
  readonly meter: HallMeter;
}

const helloMaxMs = 5_000;
/** Streams of one terminal beside the one that is welcomed: one that takes its place, and one more. At the bound the oldest goes. */
const waitingPerTerminalMax = 2;
const streamsMax = 2 * rosterTerminalsMax + 2_000;
const agentVersionMax = 64;
const busyRetryMs = 1_000;
const unknownRetryMs = 5_000;
const duplicateRetryMs = 5_000;

/** A message with its length on the wire. */
interface SizedUp extends Up {
  readonly bytes: number;
}

/** Stands for a message above the limit: refused by name, where grpc-js could only say that something internal failed. */
const oversized: SizedUp = { body: undefined, bytes: 0 };

/** The service with the terminals' own message limit; the server's is that of a roster. */
export const terminalLinkDefinition = {
  attach: {
    ...TerminalLinkService.attach,
    requestDeserialize: (bytes: Buffer): SizedUp =>
      bytes.length > terminalMessageBytesMax ? oversized : { ...TerminalLinkService.attach.requestDeserialize(bytes), bytes: bytes.length },
  },
};

/** Terminals and their streams. Nothing here waits for the ledger. */
export class TerminalLink {
  readonly #settings: TerminalLinkSettings;
  readonly #ports: TerminalLinkPorts;
  readonly #sessions = new Set<LinkSession>();
  /** The same by terminal, oldest first. */
  readonly #sessionsOf = new Map<string, Set<LinkSession>>();
  /** The stream that speaks for a name in this reign. */
  readonly #speaking = new Map<string, LinkSession>();

  constructor(settings: TerminalLinkSettings, ports: TerminalLinkPorts) {
    this.#settings = settings;
    this.#ports = ports;
  }

  readonly attach = (call: ServerDuplexStream<SizedUp, Down>): void => {
    const { trust, clock, log, meter } = this.#ports;
    const fromMs = clock.nowMs();
    call.on('error', () => undefined);
    let session: LinkSession;
    try {
      const identity = requirePeer(call, trust, isTerminal) as HallIdentity;
      if (identity.hall !== this.#settings.hall) throw hallErrors.HK_PEER_NOT_ALLOWED(`it belongs to hall "${identity.hall}"`);
      if (this.#sessions.size >= streamsMax) throw hallErrors.HK_RATE_EXCEEDED(`${streamsMax} streams are open`);
      this.#makeRoom(identity.name);
      session = new LinkSession(call, identity.name, clock.nowMs());
    } catch (error) {
      log.warn({ peer: call.getPeer(), why: messageOf(error) }, 'a terminal link is refused');
      const refusal = refusalOf(error, busyRetryMs);
      meter.answered('attach', refusal.code, fromMs);
      call.emit('error', refusal);
      return;
    }
    this.#sessions.add(session);
    this.#sessionsOf.set(session.terminal, (this.#sessionsOf.get(session.terminal) ?? new Set()).add(session));
    meter.streams('attach', this.#sessions.size);
    call.on('data', (up: SizedUp) => this.#received(session, up));
    call.on('end', () => this.#forget(session));
    call.on('cancelled', () => this.#forget(session));
    call.on('close', () => this.#forget(session));
  };

  /** A reign began: everyone who waits is welcomed over the stream he has. */
  reignBegan(reign: Reign): void {
    this.#speaking.clear();
    for (const session of this.#sessions) if (session.hello !== undefined) this.#greet(session, session.hello, reign);
  }

  /** Nothing of the old epoch is sent after this. */
  reignEnded(): void {
    this.#speaking.clear();
    for (const session of this.#sessions) {
      session.welcomedIn = undefined;
      if (session.hello !== undefined) this.#sayNotPrimary(session);
    }
  }

  /** Once a pass: changed wishes are told, and streams without a hello or outside the roster are let go. */
  pass(reign: Reign): void {
    const nowMs = this.#ports.clock.nowMs();
    const { watchMs, wallMs } = reign.fleet.stamp();
    for (const session of this.#sessions) {
      if (session.hello === undefined) {
        if (nowMs - session.openedMs > helloMaxMs) this.#drop(session, hallErrors.HK_HELLO_INVALID('no hello came in time'));
        continue;
      }
      if (session.welcomedIn !== reign) continue;
      const record = reign.fleet.record(session.terminal);
      const desired = record?.desired(watchMs, wallMs);
      if (record === undefined || desired === undefined) {
        this.#drop(session, hallErrors.HK_TERMINAL_UNKNOWN(session.terminal), unknownRetryMs);
      } else if (session.isNews(desired)) {
        session.send(reign.pairUid, reign.epoch, { $case: 'desired', value: desired });
        if (desired.heartbeatIntervalMs !== undefined) record.told(desired.heartbeatIntervalMs);
      }
    }
  }

  #received(session: LinkSession, up: SizedUp): void {
    if (!session.isOpen) return;
    const fromMs = this.#ports.clock.nowMs();
    const refuse = (error: HallkeeperError): void => {
      this.#answered(session.hello === undefined ? 'attach' : 'heartbeat', refusalOf(error).code, fromMs);
      this.#drop(session, error, error.retry === 'never' ? undefined : busyRetryMs);
    };
    if (up === oversized) {
      refuse(hallErrors.HK_RATE_EXCEEDED(`a message is above ${terminalMessageBytesMax} bytes`));
    } else if (!session.take(fromMs, up.bytes)) {
      refuse(hallErrors.HK_RATE_EXCEEDED('too many messages or bytes'));
    } else if (up.body?.$case === 'hello') {
      this.#answered('attach', this.#hello(session, up.body.value), fromMs);
    } else if (session.hello === undefined) {
      refuse(hallErrors.HK_HELLO_INVALID('the first message must be a hello'));
    } else if (up.body?.$case === 'heartbeat') {
      this.#heartbeat(session, up.body.value, fromMs);
    }
  }

  /** @returns the status of the answer. */
  #hello(session: LinkSession, hello: Hello): status {
    const { log, leadership } = this.#ports;
    if (hello.terminal !== session.terminal || hello.hall !== this.#settings.hall) {
      const said = { terminal: session.terminal, saysTerminal: hello.terminal.slice(0, 64), saysHall: hello.hall.slice(0, 64) };
      log.warn({ ...said, audit: true }, 'a terminal spoke as another one and is refused');
      return this.#drop(session, hallErrors.HK_PEER_NOT_ALLOWED(`the certificate is that of ${session.terminal}`));
    }
    if (session.hello !== undefined) return this.#drop(session, hallErrors.HK_HELLO_INVALID('a stream has one hello'));
    if (hello.runId.length !== 16 || hello.agentVersion.length > agentVersionMax) {
      return this.#drop(session, hallErrors.HK_HELLO_INVALID('runId must have 16 bytes, agentVersion at most 64 characters'));
    }
    session.hello = hello;
    const { reign } = leadership;
    return reign === undefined ? this.#sayNotPrimary(session) : this.#greet(session, hello, reign);
  }

  /** @returns the status of the answer. */
  #greet(session: LinkSession, hello: Hello, reign: Reign): status {
    // A terminal that was welcomed with a higher epoch knows what we do not: we were deposed.
    if (hello.highestEpoch > reign.epoch) {
      this.#ports.log.error({ theirs: Number(hello.highestEpoch), ours: Number(reign.epoch) }, 'a terminal knows a higher epoch than ours');
      return this.#sayNotPrimary(session);
    }
    const record = reign.fleet.record(session.terminal);
    if (record === undefined) return this.#drop(session, hallErrors.HK_TERMINAL_UNKNOWN(session.terminal), unknownRetryMs);
    const { watchMs, wallMs } = reign.fleet.stamp();
    const speaking = this.#speaking.get(session.terminal);
    const incumbent =
      speaking === undefined ? undefined : { runKey: speaking.runKey, isOpen: speaking.isOpen, silentMs: watchMs - speaking.heardMs };
    if (decideRun(incumbent, session.runKey, record.limits.intervalMs) === 'refuse') {
      record.rivalCalled(watchMs);
      const calls = { terminal: session.terminal, from: session.from, otherFrom: speaking?.from };
      this.#ports.log.warn({ ...calls, audit: true }, 'two live runs use one certificate; the later one is refused');
      return this.#drop(session, hallErrors.HK_TERMINAL_DUPLICATE(session.terminal), duplicateRetryMs);
    }
    // One stream speaks for a name. A run that only paused calls again, finds the name taken, and both are known as duplicates.
    if (speaking !== undefined) this.#drop(speaking, hallErrors.HK_TERMINAL_REPLACED());
    record.admit({ runKey: session.runKey, agentVersion: hello.agentVersion });
    reign.fleet.arrived();
    session.welcomedIn = reign;
    session.heardMs = watchMs;
    this.#speaking.set(session.terminal, session);
    const desired = record.desired(watchMs, wallMs);
    session.isNews(desired);
    const heartbeatIntervalMs = desired.heartbeatIntervalMs ?? record.limits.intervalMs;
    record.told(heartbeatIntervalMs);
    const welcome = { member: this.#settings.member, heartbeatIntervalMs, desired };
    session.send(reign.pairUid, reign.epoch, { $case: 'welcome', value: welcome });
    return status.OK;
  }

  #heartbeat(session: LinkSession, heartbeat: Heartbeat, fromMs: number): void {
    const { reign } = this.#ports.leadership;
    // Sent before the terminal read that we do not lead any more: it counts for nobody.
    if (reign === undefined || session.welcomedIn !== reign) return;
    const stamp = reign.fleet.stamp();
    session.heardMs = stamp.watchMs;
    const cut = reign.fleet.record(session.terminal)?.heard(heartbeat, stamp) ?? [];
    if (cut.length > 0 && session.isFirstCut()) {
      this.#ports.log.warn({ terminal: session.terminal, cut: cut.join('; ') }, 'a terminal sends more than is taken; the rest is cut');
    }
    const answer = { sequence: heartbeat.sequence, wallUnixMs: BigInt(Math.floor(stamp.wallMs)) };
    session.send(reign.pairUid, reign.epoch, { $case: 'heartbeatAnswer', value: answer });
    this.#answered('heartbeat', status.OK, fromMs);
  }

  #sayNotPrimary(session: LinkSession): status {
    const { highestEpoch } = this.#ports.leadership;
    session.send(this.#settings.pairUid, highestEpoch, { $case: 'notPrimary', value: { member: this.#settings.member } });
    return status.OK;
  }

  /** Only answers count: what is told without being asked, such as a welcome after a take-over, is none. */
  #answered(method: 'attach' | 'heartbeat', code: status, fromMs: number): void {
    this.#ports.meter.answered(method, code, fromMs);
  }

  /** The welcomed stream never goes for another one that has not said which run it is. */
  #makeRoom(terminal: string): void {
    const { reign } = this.#ports.leadership;
    const waiting = [...(this.#sessionsOf.get(terminal) ?? [])].filter(
      (session) => reign === undefined || this.#speaking.get(terminal) !== session,
    );
    const oldest = waiting.find(({ hello }) => hello === undefined) ?? waiting[0];
    if (waiting.length >= waitingPerTerminalMax && oldest !== undefined) this.#drop(oldest, hallErrors.HK_TERMINAL_REPLACED());
  }

  /** @returns the status it ends with. */
  #drop(session: LinkSession, error: Error, retryAfterMs?: number): status {
    this.#remove(session);
    session.refuse(error, retryAfterMs);
    return refusalOf(error).code;
  }

  #forget(session: LinkSession): void {
    this.#remove(session);
    session.close();
  }

  #remove(session: LinkSession): void {
    this.#sessions.delete(session);
    const own = this.#sessionsOf.get(session.terminal);
    own?.delete(session);
    if (own?.size === 0) this.#sessionsOf.delete(session.terminal);
    if (this.#speaking.get(session.terminal) === session) this.#speaking.delete(session.terminal);
    this.#ports.meter.streams('attach', this.#sessions.size);
  }
}
