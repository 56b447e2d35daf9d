import { status } from '@grpc/grpc-js';
import type { ServerDuplexStream } from '@grpc/grpc-js';
import type { Clock } from '#lib/base/clock.ts';
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
/** Streams of one terminal: one that is used and one that takes its place. */
const streamsPerTerminalMax = 2;
const streamsMax = 2 * rosterTerminalsMax + 2_000;
const agentVersionMax = 64;
const busyRetryMs = 1_000;
const unknownRetryMs = 5_000;
const duplicateRetryMs = 5_000;

/** Stands for a message above the limit: refused by name, where grpc-js could only say that something internal failed. */
const oversized: Up = { body: undefined };

/** The service with the terminals' own message limit; the server's is that of a roster. */
export const terminalLinkDefinition = {
  attach: {
    ...TerminalLinkService.attach,
    requestDeserialize: (bytes: Buffer): Up =>
      bytes.length > terminalMessageBytesMax ? oversized : TerminalLinkService.attach.requestDeserialize(bytes),
  },
};

/** Terminals and their streams. Nothing here waits for the ledger. */
export class TerminalLink {
  readonly #settings: TerminalLinkSettings;
  readonly #ports: TerminalLinkPorts;
  readonly #sessions = new Set<LinkSession>();
  /** The stream that speaks for a name in this reign. */
  readonly #speaking = new Map<string, LinkSession>();

  constructor(settings: TerminalLinkSettings, ports: TerminalLinkPorts) {
    this.#settings = settings;
    this.#ports = ports;
  }

  readonly attach = (call: ServerDuplexStream<Up, Down>): void => {
    const { trust, clock, log, meter } = this.#ports;
    const fromMs = clock.nowMs();
    call.on('error', () => undefined);
    let session: LinkSession;
    try {
      const identity = requirePeer(call, trust, isTerminal) as HallIdentity;
      if (identity.hall !== this.#settings.hall) throw hallErrors.HK_PEER_NOT_ALLOWED(`it belongs to hall "${identity.hall}"`);
      const own = [...this.#sessions].filter(({ terminal }) => terminal === identity.name);
      if (this.#sessions.size >= streamsMax) throw hallErrors.HK_RATE_EXCEEDED(`${streamsMax} streams are open`);
      // Of its own streams the oldest goes: after a broken network the terminal knows better than we which one lives.
      if (own.length >= streamsPerTerminalMax && own[0] !== undefined) this.#drop(own[0], hallErrors.HK_TERMINAL_REPLACED());
      session = new LinkSession(call, identity.name, clock.nowMs());
    } catch (error) {
      log.warn({ peer: call.getPeer(), why: String(error) }, 'a terminal link is refused');
      const refusal = refusalOf(error, busyRetryMs);
      meter.answered('attach', refusal.code, fromMs);
      call.emit('error', refusal);
      return;
    }
    this.#sessions.add(session);
    meter.streams('attach', this.#sessions.size);
    call.on('data', (up: Up) => this.#received(session, up));
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
      const desired = reign.fleet.record(session.terminal)?.desired(watchMs, wallMs);
      if (desired === undefined) this.#drop(session, hallErrors.HK_TERMINAL_UNKNOWN(session.terminal), unknownRetryMs);
      else if (session.isNews(desired)) session.send(reign.pairUid, reign.epoch, { $case: 'desired', value: desired });
    }
  }

  #received(session: LinkSession, up: Up): void {
    if (!session.isOpen) return;
    if (up === oversized) {
      this.#drop(session, hallErrors.HK_RATE_EXCEEDED(`a message is above ${terminalMessageBytesMax} bytes`), busyRetryMs);
    } else if (!session.take(this.#ports.clock.nowMs())) {
      this.#drop(session, hallErrors.HK_RATE_EXCEEDED('too many messages'), busyRetryMs);
    } else if (up.body?.$case === 'hello') {
      this.#hello(session, up.body.value);
    } else if (session.hello === undefined) {
      this.#drop(session, hallErrors.HK_HELLO_INVALID('the first message must be a hello'));
    } else if (up.body?.$case === 'heartbeat') {
      this.#heartbeat(session, up.body.value);
    }
  }

  #hello(session: LinkSession, hello: Hello): void {
    const { log, leadership } = this.#ports;
    if (hello.terminal !== session.terminal || hello.hall !== this.#settings.hall) {
      const said = { terminal: session.terminal, saysTerminal: hello.terminal.slice(0, 64), saysHall: hello.hall.slice(0, 64) };
      log.warn({ ...said, audit: true }, 'a terminal spoke as another one and is refused');
      this.#drop(session, hallErrors.HK_PEER_NOT_ALLOWED(`the certificate is that of ${session.terminal}`));
    } else if (session.hello !== undefined) {
      this.#drop(session, hallErrors.HK_HELLO_INVALID('a stream has one hello'));
    } else if (hello.runId.length !== 16 || hello.agentVersion.length > agentVersionMax) {
      this.#drop(session, hallErrors.HK_HELLO_INVALID('runId must have 16 bytes, agentVersion at most 64 characters'));
    } else {
      session.hello = hello;
      const { reign } = leadership;
      if (reign === undefined) this.#sayNotPrimary(session);
      else this.#greet(session, hello, reign);
    }
  }

  #greet(session: LinkSession, hello: Hello, reign: Reign): void {
    // A terminal that was welcomed with a higher epoch knows what we do not: we were deposed.
    if (hello.highestEpoch > reign.epoch) {
      this.#ports.log.error({ theirs: Number(hello.highestEpoch), ours: Number(reign.epoch) }, 'a terminal knows a higher epoch than ours');
      this.#sayNotPrimary(session);
      return;
    }
    const record = reign.fleet.record(session.terminal);
    if (record === undefined) {
      this.#drop(session, hallErrors.HK_TERMINAL_UNKNOWN(session.terminal), unknownRetryMs);
      return;
    }
    const { watchMs, wallMs } = reign.fleet.stamp();
    const speaking = this.#speaking.get(session.terminal);
    const incumbent =
      speaking === undefined ? undefined : { runKey: speaking.runKey, isOpen: speaking.isOpen, silentMs: watchMs - speaking.heardMs };
    const decision = decideRun(incumbent, session.runKey, record.limits.intervalMs);
    if (decision === 'refuse') {
      record.rivalCalled(watchMs);
      this.#ports.log.warn({ terminal: session.terminal, audit: true }, 'two live runs use one certificate; the later one is refused');
      this.#drop(session, hallErrors.HK_TERMINAL_DUPLICATE(session.terminal), duplicateRetryMs);
      return;
    }
    if (decision === 'replace' && speaking !== undefined) this.#drop(speaking, hallErrors.HK_TERMINAL_REPLACED());
    record.admit({ runKey: session.runKey, agentVersion: hello.agentVersion });
    reign.fleet.arrived();
    session.welcomedIn = reign;
    session.heardMs = watchMs;
    this.#speaking.set(session.terminal, session);
    const desired = record.desired(watchMs, wallMs);
    session.isNews(desired);
    const welcome = { member: this.#settings.member, heartbeatIntervalMs: record.limits.intervalMs, desired };
    session.send(reign.pairUid, reign.epoch, { $case: 'welcome', value: welcome });
    this.#ports.meter.answered('attach', status.OK, this.#ports.clock.nowMs());
  }

  #heartbeat(session: LinkSession, heartbeat: Heartbeat): void {
    const { reign } = this.#ports.leadership;
    // Sent before the terminal read that we do not lead any more: it counts for nobody.
    if (reign === undefined || session.welcomedIn !== reign) return;
    const fromMs = this.#ports.clock.nowMs();
    const stamp = reign.fleet.stamp();
    session.heardMs = stamp.watchMs;
    reign.fleet.record(session.terminal)?.heard(heartbeat, stamp);
    const answer = { sequence: heartbeat.sequence, wallUnixMs: BigInt(Math.floor(stamp.wallMs)) };
    session.send(reign.pairUid, reign.epoch, { $case: 'heartbeatAnswer', value: answer });
    this.#ports.meter.answered('heartbeat', status.OK, fromMs);
  }

  #sayNotPrimary(session: LinkSession): void {
    const { highestEpoch } = this.#ports.leadership;
    this.#ports.meter.answered('attach', status.OK, this.#ports.clock.nowMs());
    session.send(this.#settings.pairUid, highestEpoch, { $case: 'notPrimary', value: { member: this.#settings.member } });
  }

  #drop(session: LinkSession, error: Error, retryAfterMs?: number): void {
    const { meter, clock } = this.#ports;
    this.#remove(session);
    meter.answered('attach', refusalOf(error).code, clock.nowMs());
    session.refuse(error, retryAfterMs);
  }

  #forget(session: LinkSession): void {
    this.#remove(session);
    session.close();
  }

  #remove(session: LinkSession): void {
    this.#sessions.delete(session);
    if (this.#speaking.get(session.terminal) === session) this.#speaking.delete(session.terminal);
    this.#ports.meter.streams('attach', this.#sessions.size);
  }
}
