import { codeOf, messageOf } from '#lib/base/errors.ts';
import { backoffMs } from '#lib/base/retry.ts';
import type { BackoffPolicy } from '#lib/base/retry.ts';
import { failureReasonOf, isServiceError, linkErrorOf, retryAfterMsOf } from '#lib/link/call-failure.ts';
import { formatEndpoint } from '#lib/link/endpoint.ts';
import type { Endpoint } from '#lib/link/endpoint.ts';
import { linkErrors } from '#lib/link/errors.ts';
import type { Welcome } from '#lib/link/gen/hallkeeper/v1/terminal_link.ts';
import { race, raceStaggerMs } from '#lib/link/race.ts';
import { AttachStream } from './attach-stream.ts';
import type { ChannelTotals } from './channel-totals.ts';
import { decideDown } from './decide-down.ts';
import type { TerminalNames, TerminalPorts } from './terminal-ports.ts';

/** A connection whose member leads. */
export interface Welcomed {
  readonly stream: AttachStream;
  readonly welcome: Welcome;
}

/** Addresses are looked up again after this long without a leader. */
const seekRoundMs = 10_000;
/** For connection, TLS and the first answer. */
const firstAnswerMs = 5_000;
const attemptPolicy: BackoffPolicy = { firstMs: 250, maxMs: 2_000, jitterPercent: 50 };
const retryAfterMaxMs = 15_000;

type SeekPorts = Omit<TerminalPorts, 'readGame'>;

/**
 * Finds the member that leads: every address is tried beside the others, again and again; a standby's stream stays open, so that a
 * take-over is heard at once. The first welcome that may command us wins; its epoch is on the disk before this returns.
 *
 * @throws HK_LINK_NOT_PRIMARY  after 10 s without a leader; names each address's last reason. Then look up addresses and seek again.
 */
export async function seekLeader(names: TerminalNames, totals: ChannelTotals, ports: SeekPorts, signal: AbortSignal): Promise<Welcomed> {
  const round = new AbortController();
  const roundSignal = AbortSignal.any([round.signal, signal]);
  const reasons = new Map<string, string>();
  const over = ports.clock.sleep(seekRoundMs, roundSignal).then(
    () => round.abort(),
    () => undefined,
  );
  try {
    const endpoints = await ports.findEndpoints(roundSignal);
    const attempt = (endpoint: Endpoint, raceSignal: AbortSignal): Promise<Welcomed> =>
      tryEndpoint(endpoint, { names, totals, ports, reasons }, raceSignal);
    if (endpoints.length > 0) {
      const discard = ({ stream }: Welcomed): void => stream.close();
      return await race(endpoints, attempt, discard, { clock: ports.clock, staggerMs: raceStaggerMs }, roundSignal);
    }
    await over;
    throw linkErrors.HK_LINK_UNREACHABLE('no address of a member is known');
  } catch (error) {
    signal.throwIfAborted();
    if (!round.signal.aborted) throw error;
    throw linkErrors.HK_LINK_NOT_PRIMARY([...reasons].map(([address, why]) => `${address}: ${why}`).join('; '), { cause: error });
  } finally {
    round.abort();
  }
}

interface Seek {
  readonly names: TerminalNames;
  readonly totals: ChannelTotals;
  readonly ports: SeekPorts;
  readonly reasons: Map<string, string>;
}

async function tryEndpoint(endpoint: Endpoint, seek: Seek, signal: AbortSignal): Promise<Welcomed> {
  const { clock, random, log } = seek.ports;
  for (let failures = 0; ;) {
    signal.throwIfAborted();
    const stream = new AttachStream(endpoint, seek.ports.credentials());
    try {
      return { stream, welcome: await hello(stream, seek, signal) };
    } catch (error) {
      stream.close();
      signal.throwIfAborted();
      failures += 1;
      const why = messageOf(error);
      seek.reasons.set(formatEndpoint(endpoint), why);
      log.debug({ address: endpoint.address, why }, 'a member did not welcome this terminal');
      const asked = isServiceError(stream.error) ? retryAfterMsOf(stream.error, retryAfterMaxMs) : undefined;
      await clock.sleep(Math.max(asked ?? 0, backoffMs(failures, attemptPolicy, random)), signal);
    }
  }
}

async function hello(stream: AttachStream, { names, totals, ports, reasons }: Seek, signal: AbortSignal): Promise<Welcome> {
  const { hall, terminal, pairUid, runId, agentVersion } = names;
  const { clock, epochs } = ports;
  totals.call();
  const highestEpoch = epochs.highest(pairUid);
  stream.send({ $case: 'hello', value: { hall, terminal, runId, agentVersion, highestEpoch } });
  const waited = new AbortController();
  const first = AbortSignal.any([waited.signal, signal]);
  const answered = new AbortController();
  clock.sleep(firstAnswerMs, AbortSignal.any([answered.signal, signal])).then(
    () => waited.abort(),
    () => undefined,
  );
  try {
    for (let isAnswered = false; ; isAnswered = true) {
      const down = await stream.next(isAnswered ? signal : first);
      signal.throwIfAborted();
      if (down === undefined) throw failureOf(stream, isAnswered);
      answered.abort();
      const head = { pairUid: down.pairUid, epoch: down.epoch, isNotPrimary: down.body?.$case === 'notPrimary' };
      const decision = decideDown(head, { pairUid, highest: epochs.highest(pairUid) });
      if (decision.do === 'refuse' && decision.why === 'foreignPair') throw linkErrors.HK_LINK_FOREIGN_PAIR(down.pairUid.slice(0, 64));
      if (decision.do === 'refuse') throw linkErrors.HK_LINK_OLD_EPOCH(`${down.epoch}, known: ${epochs.highest(pairUid)}`);
      if (decision.do === 'pass') reasons.set(formatEndpoint(stream.endpoint), 'it does not lead');
      if (decision.do === 'obey' && down.body?.$case === 'welcome') {
        // With a full disk the terminal works on: until it restarts, memory holds the epoch as well.
        await epochs.remember(pairUid, down.epoch).catch((error: unknown) => {
          ports.log.error({ why: messageOf(error) }, 'the epoch cannot be kept on the disk');
        });
        return down.body.value;
      }
    }
  } catch (error) {
    if (!signal.aborted) countFailure(error, stream, totals);
    throw error;
  } finally {
    answered.abort();
  }
}

function failureOf(stream: AttachStream, wasOpen: boolean): Error {
  if (stream.error === undefined) return linkErrors.HK_LINK_SILENT(`${firstAnswerMs} ms`);
  return isServiceError(stream.error) ? linkErrorOf(stream.error, wasOpen) : linkErrors.HK_LINK_BROKEN(stream.error.message);
}

const reasonByCode = {
  HK_LINK_UNREACHABLE: 'connect',
  HK_LINK_IDENTITY: 'identity',
  HK_LINK_FOREIGN_PAIR: 'identity',
  HK_LINK_SILENT: 'silent',
  HK_LINK_REFUSED: 'refused',
  HK_LINK_OLD_EPOCH: 'refused',
} as const;

function countFailure(error: unknown, stream: AttachStream, totals: ChannelTotals): void {
  const code = codeOf(error) ?? '';
  const known = code in reasonByCode ? reasonByCode[code as keyof typeof reasonByCode] : undefined;
  totals.failed(known ?? (isServiceError(stream.error) ? failureReasonOf(stream.error, true) : 'broken'));
}
