import type { ChannelCredentials, ClientReadableStream } from '@grpc/grpc-js';
import type { Clock } from '#lib/base/clock.ts';
import { messageOf } from '#lib/base/errors.ts';
import type { Logger } from '#lib/base/log.ts';
import type { Random } from '#lib/base/random.ts';
import { backoffMs } from '#lib/base/retry.ts';
import type { BackoffPolicy } from '#lib/base/retry.ts';
import { isServiceError, linkErrorOf } from './call-failure.ts';
import { targetOf } from './endpoint.ts';
import type { Endpoint, FindEndpoints } from './endpoint.ts';
import { linkErrors } from './errors.ts';
import { FleetClient } from './gen/hallkeeper/v1/fleet.ts';
import type { FeedToken, FleetChange, FleetMeasurements, FleetSnapshot, WatchAnswer } from './gen/hallkeeper/v1/fleet.ts';
import { clientChannelOptions, feedSilentMs, fleetMessageBytesMax } from './limits.ts';
import { race, raceStaggerMs } from './race.ts';

/**
 * What a reader of the fleet feed lives through.
 *
 * snapshot      Replaces everything known.
 * changes       Come after the last snapshot or change, each once.
 * measurements  The latest; newest wins.
 * lost          The leading member is not connected. What is known stays true as of its time. Followed by more when it is back.
 */
export type FleetEvent =
  | { readonly kind: 'snapshot'; readonly epoch: bigint; readonly snapshot: FleetSnapshot }
  | { readonly kind: 'changes'; readonly epoch: bigint; readonly changes: readonly FleetChange[] }
  | { readonly kind: 'measurements'; readonly epoch: bigint; readonly measurements: FleetMeasurements }
  | { readonly kind: 'lost'; readonly why: string };

export interface PairLink {
  readonly pairUid: string;
  readonly findEndpoints: FindEndpoints;
  readonly credentials: () => ChannelCredentials;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

const reconnectPolicy: BackoffPolicy = { firstMs: 250, maxMs: 5_000, jitterPercent: 50 };
const firstAnswerMs = 3_000;

interface OpenFeed {
  readonly client: FleetClient;
  readonly stream: ClientReadableStream<WatchAnswer>;
  readonly iterator: AsyncIterator<WatchAnswer>;
  readonly first: WatchAnswer;
}

/**
 * Follows the fleet feed of whichever member leads, for ever: both members are tried beside each other, names are resolved before each
 * connection, an answer of a lower epoch than one seen before is refused. The consumer's pace is the feed's pace: what it does not
 * read the server replaces by a snapshot.
 */
export async function* watchFleet(link: PairLink, signal: AbortSignal): AsyncGenerator<FleetEvent, void, void> {
  let token: FeedToken | undefined;
  let highestEpoch = 0n;
  for (let failures = 0; !signal.aborted;) {
    let feed: OpenFeed | undefined;
    try {
      feed = await openFeed(link, token, highestEpoch, signal);
      for (let answer: WatchAnswer | undefined = feed.first; answer !== undefined;) {
        failures = 0;
        highestEpoch = requireEpoch(link, answer, highestEpoch);
        if (answer.body?.$case === 'notPrimary') break;
        const event = eventOf(answer);
        const number =
          event?.kind === 'snapshot' ? event.snapshot.number : event?.kind === 'changes' ? event.changes.at(-1)?.number : undefined;
        if (number !== undefined) token = { pairUid: link.pairUid, epoch: answer.epoch, number };
        if (event !== undefined) yield event;
        answer = await nextAnswer(feed, feedSilentMs, link.clock, signal);
      }
      throw linkErrors.HK_LINK_NOT_PRIMARY('the member stopped leading');
    } catch (error) {
      if (signal.aborted) return;
      failures += 1;
      const why = messageOf(isServiceError(error) ? linkErrorOf(error, feed !== undefined) : error);
      link.log.debug({ why, failures }, 'the fleet feed is lost');
      yield { kind: 'lost', why };
    } finally {
      if (feed !== undefined) close(feed);
    }
    await link.clock.sleep(backoffMs(failures, reconnectPolicy, link.random), signal).catch(() => undefined);
  }
}

async function openFeed(link: PairLink, token: FeedToken | undefined, highestEpoch: bigint, signal: AbortSignal): Promise<OpenFeed> {
  const endpoints = await link.findEndpoints(signal);
  if (endpoints.length === 0) throw linkErrors.HK_LINK_UNREACHABLE('no address of a member is known');
  const attempt = (endpoint: Endpoint, raceSignal: AbortSignal): Promise<OpenFeed> =>
    openFeedAt(endpoint, link, token, highestEpoch, raceSignal);
  try {
    return await race(endpoints, attempt, close, { clock: link.clock, staggerMs: raceStaggerMs }, signal);
  } catch (error) {
    if (!(error instanceof AggregateError)) throw error;
    const reasons = error.errors.map((one: unknown) => messageOf(isServiceError(one) ? linkErrorOf(one, false) : one));
    throw linkErrors.HK_LINK_UNREACHABLE([...new Set(reasons)].join('; '), { cause: error.errors[0] });
  }
}

async function openFeedAt(
  endpoint: Endpoint,
  link: PairLink,
  since: FeedToken | undefined,
  highestEpoch: bigint,
  signal: AbortSignal,
): Promise<OpenFeed> {
  const options = { ...clientChannelOptions, 'grpc.max_receive_message_length': fleetMessageBytesMax };
  const client = new FleetClient(targetOf(endpoint), link.credentials(), options);
  const stream = client.watch({ since });
  const iterator = stream[Symbol.asyncIterator]() as AsyncIterator<WatchAnswer>;
  const feed = { client, stream, iterator };
  try {
    const first = await nextAnswer(feed, firstAnswerMs, link.clock, signal);
    // What a newer server says that this version does not know is passed over; only a server that leads says anything else.
    if (first === undefined || first.body?.$case === 'notPrimary') throw linkErrors.HK_LINK_NOT_PRIMARY(endpoint.address);
    requireEpoch(link, first, highestEpoch);
    return { ...feed, first };
  } catch (error) {
    close(feed);
    throw error;
  }
}

function requireEpoch(link: PairLink, answer: WatchAnswer, highestEpoch: bigint): bigint {
  if (answer.pairUid !== link.pairUid) throw linkErrors.HK_LINK_FOREIGN_PAIR(answer.pairUid.slice(0, 64));
  if (answer.epoch < highestEpoch) throw linkErrors.HK_LINK_OLD_EPOCH(`${answer.epoch}, seen before: ${highestEpoch}`);
  return answer.epoch;
}

/** Undefined at the end of the stream. @throws HK_LINK_SILENT, the stream's error, or the signal's reason. */
async function nextAnswer(
  { iterator }: Pick<OpenFeed, 'iterator'>,
  withinMs: number,
  clock: Clock,
  signal: AbortSignal,
): Promise<WatchAnswer | undefined> {
  const done = new AbortController();
  const late = clock.sleep(withinMs, AbortSignal.any([done.signal, signal])).then(() => {
    throw linkErrors.HK_LINK_SILENT(`${withinMs} ms`);
  });
  const next = iterator.next();
  next.catch(() => undefined);
  try {
    const result = await Promise.race([next, late]);
    return result.done === true ? undefined : result.value;
  } finally {
    done.abort();
    late.catch(() => undefined);
  }
}

/** Undefined for a body that this version does not know. */
function eventOf(answer: WatchAnswer): FleetEvent | undefined {
  const { body, epoch } = answer;
  if (body?.$case === 'snapshot') return { kind: 'snapshot', epoch, snapshot: body.value };
  if (body?.$case === 'changes') return { kind: 'changes', epoch, changes: body.value.changes };
  if (body?.$case === 'measurements') return { kind: 'measurements', epoch, measurements: body.value };
  return undefined;
}

function close({ client, stream }: Pick<OpenFeed, 'client' | 'stream'>): void {
  stream.on('error', () => undefined);
  stream.cancel();
  client.close();
}
