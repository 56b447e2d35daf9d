import { status } from '@grpc/grpc-js';
import type { sendUnaryData, ServerUnaryCall, ServerWritableStream } from '@grpc/grpc-js';
import type { Clock } from '#lib/base/clock.ts';
import type { Logger } from '#lib/base/log.ts';
import { within } from '#lib/base/deadline.ts';
import { codeOf, messageOf } from '#lib/base/errors.ts';
import type { HistoryAnswer, HistoryRequest, WatchAnswer, WatchRequest } from '#lib/link/gen/hallkeeper/v1/fleet.ts';
import type { PutRosterAnswer, PutRosterRequest } from '#lib/link/gen/hallkeeper/v1/fleet_admin.ts';
import { unaryDeadlineMs } from '#lib/link/limits.ts';
import { hallErrors } from './errors.ts';
import type { HallMethod } from './families.ts';
import type { FeedReader } from './feed.ts';
import type { HallMeter } from './hall-meter.ts';
import type { Leadership } from './leadership.ts';
import type { HistoryReader } from './ledger/read-history.ts';
import { isOperator, isReader, requirePeer } from './peer.ts';
import type { CallerOf, PeerRule, TrustNow } from './peer.ts';
import { refusalOf } from './refusal.ts';
import type { Reign } from './reign.ts';
import { parseRoster } from './roster.ts';

export interface FleetServiceSettings {
  readonly hall: string;
  readonly pairUid: string;
  readonly member: string;
}

export interface FleetServicePorts {
  readonly leadership: Pick<Leadership, 'reign' | 'highestEpoch'>;
  readonly history: HistoryReader;
  readonly trust: TrustNow;
  readonly clock: Clock;
  readonly log: Logger;
  readonly meter: HallMeter;
}

const readersMax = 256;
const busyRetryMs = 2_000;

interface Watching {
  readonly call: ServerWritableStream<WatchRequest, WatchAnswer>;
  readonly reader: FeedReader;
  readonly reign: Reign;
}

type Answer<T> = { readonly pairUid: string; readonly epoch: bigint; readonly body: T };

/** The fleet feed, the history and the roster, for readers and the operator. */
export class FleetService {
  readonly #settings: FleetServiceSettings;
  readonly #ports: FleetServicePorts;
  readonly #watching = new Set<Watching>();

  constructor(settings: FleetServiceSettings, ports: FleetServicePorts) {
    this.#settings = settings;
    this.#ports = ports;
  }

  readonly watch = (call: ServerWritableStream<WatchRequest, WatchAnswer>): void => {
    const { meter, clock } = this.#ports;
    const fromMs = clock.nowMs();
    call.on('error', () => undefined);
    try {
      this.#require(call, isReader);
      if (this.#watching.size >= readersMax) throw hallErrors.HK_RATE_EXCEEDED(`${readersMax} readers follow the feed`);
    } catch (error) {
      const refusal = refusalOf(error, busyRetryMs);
      meter.answered('watch', refusal.code, fromMs);
      call.emit('error', refusal);
      return;
    }
    meter.answered('watch', status.OK, fromMs);
    const { reign } = this.#ports.leadership;
    if (reign === undefined) {
      this.#endWithNotPrimary(call);
      return;
    }
    const { pairUid, epoch } = reign;
    const reader: FeedReader = { write: (body) => call.write({ pairUid, epoch, body }) };
    const watching = { call, reader, reign };
    const leave = (): void => {
      this.#watching.delete(watching);
      meter.streams('watch', this.#watching.size);
      reign.feed.leave(reader);
    };
    this.#watching.add(watching);
    meter.streams('watch', this.#watching.size);
    call.on('drain', () => reign.feed.drained(reader));
    call.on('cancelled', leave);
    call.on('close', leave);
    reign.feed.follow(reader, call.request.since);
    const horizonMs = reign.writer.durableToMs;
    // The first measurements come at once, for a reader that has just begun would show nothing for up to five seconds.
    if (horizonMs !== undefined) reader.write({ $case: 'measurements', value: reign.fleet.measurements(horizonMs) });
  };

  readonly history = (call: ServerUnaryCall<HistoryRequest, HistoryAnswer>, callback: sendUnaryData<HistoryAnswer>): void => {
    this.#answer('history', call, callback, isReader, async (reign, signal) => {
      if (reign === undefined) return this.#notPrimary();
      const page = await this.#ports.history.read(call.request, signal);
      return this.#ports.leadership.reign === reign
        ? { pairUid: reign.pairUid, epoch: reign.epoch, body: { $case: 'page', value: page } }
        : this.#notPrimary();
    });
  };

  readonly putRoster = (call: ServerUnaryCall<PutRosterRequest, PutRosterAnswer>, callback: sendUnaryData<PutRosterAnswer>): void => {
    this.#answer('put_roster', call, callback, isOperator, async (reign, signal) => {
      const roster = parseRoster(call.request.roster, this.#settings.hall);
      if (reign === undefined) return this.#notPrimary();
      const { pairUid, epoch, fleet, writer } = reign;
      const storedRevision = fleet.rosterRevision;
      const { expectedRevision } = call.request;
      if (expectedRevision !== undefined && expectedRevision !== storedRevision && storedRevision !== roster.revision) {
        return { pairUid, epoch, body: { $case: 'conflict', value: { storedRevision } } };
      }
      if (storedRevision !== roster.revision) {
        if (writer.hasRoster) throw hallErrors.HK_RATE_EXCEEDED('another roster is still being written');
        if (writer.isFull) throw hallErrors.HK_LEDGER_AWAY('it has been away for so long that nothing more can wait');
      }
      const items = fleet.replaceRoster(roster);
      if (items.length > 0) {
        this.#ports.log.info({ terminals: roster.terminals.size, revision: roster.revision }, 'a roster is taken');
        writer.put(items, undefined);
      }
      await writer.committed(signal);
      return { pairUid, epoch, body: { $case: 'stored', value: { revision: roster.revision } } };
    });
  };

  /** Every reader is told that this member does not lead, and its stream ends. */
  reignEnded(): void {
    for (const { call, reader, reign } of this.#watching) {
      reign.feed.leave(reader);
      this.#endWithNotPrimary(call);
    }
    this.#watching.clear();
    this.#ports.meter.streams('watch', 0);
  }

  #answer<T extends HistoryAnswer | PutRosterAnswer>(
    method: HallMethod,
    call: CallerOf,
    callback: sendUnaryData<T>,
    rule: PeerRule,
    work: (reign: Reign | undefined, signal: AbortSignal) => Promise<Answer<T['body']>>,
  ): void {
    const { meter, clock, leadership } = this.#ports;
    const fromMs = clock.nowMs();
    const give = (answer: Answer<T['body']>): void => {
      meter.answered(method, status.OK, fromMs);
      callback(null, answer as T);
    };
    const run = async (): Promise<void> => {
      try {
        this.#require(call, rule);
        give(await work(leadership.reign, within(unaryDeadlineMs, 'the answer')));
      } catch (error) {
        if (codeOf(error) === 'HK_REIGN_OVER') {
          give(this.#notPrimary());
          return;
        }
        const refusal = refusalOf(error, busyRetryMs);
        meter.answered(method, refusal.code, fromMs);
        callback(refusal);
      }
    };
    void run();
  }

  #require(call: CallerOf, rule: PeerRule): void {
    try {
      const identity = requirePeer(call, this.#ports.trust, rule);
      if ('hall' in identity && identity.hall !== this.#settings.hall)
        throw hallErrors.HK_PEER_NOT_ALLOWED(`it belongs to hall "${identity.hall}"`);
    } catch (error) {
      this.#ports.log.warn({ why: messageOf(error), audit: true }, 'a call is refused');
      throw error;
    }
  }

  #notPrimary(): Answer<{ readonly $case: 'notPrimary'; readonly value: { readonly member: string } }> {
    const { pairUid, member } = this.#settings;
    return { pairUid, epoch: this.#ports.leadership.highestEpoch, body: { $case: 'notPrimary', value: { member } } };
  }

  #endWithNotPrimary(call: ServerWritableStream<WatchRequest, WatchAnswer>): void {
    call.write(this.#notPrimary());
    call.end();
  }
}
