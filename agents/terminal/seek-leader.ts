import { codeOf, messageOf } from '#lib/base/errors.ts';
import { invariant } from '#lib/base/invariant.ts';
import { backoffMs } from '#lib/base/retry.ts';
import type { BackoffPolicy } from '#lib/base/retry.ts';
import { failureReasonOf, isServiceError, linkErrorOf, retryAfterMsOf } from '#lib/link/call-failure.ts';
import { formatEndpoint } from '#lib/link/endpoint.ts';
import type { Endpoint } from '#lib/link/endpoint.ts';
import { linkErrors } from '#lib/link/errors.ts';
import type { Welcome } from '#lib/link/gen/hallkeeper/v1/terminal_link.ts';
import { raceStaggerMs } from '#lib/link/race.ts';
import { AttachStream } from './attach-stream.ts';
import type { ChannelTotals } from './channel-totals.ts';
import { decideDown } from './decide-down.ts';
import type { TerminalNames, TerminalPorts } from './terminal-ports.ts';

/** A connection whose member leads. */
export interface Welcomed {
  readonly stream: AttachStream;
  readonly welcome: Welcome;
}

/** Addresses are looked up again this often while no leader is found. */
const lookUpEveryMs = 10_000;
/**
 * For connection, TLS and the first answer. Generous, and never cut short by looking up addresses: thousands that come back at once
 * make a server slow, and whoever gives up a handshake half-way makes it slower still.
 */
const firstAnswerMs = 20_000;
const attemptPolicy: BackoffPolicy = { firstMs: 250, maxMs: 5_000, jitterPercent: 50 };
const retryAfterMaxMs = 15_000;
/** Addresses that are tried beside each other; more are left out. */
const endpointsMax = 16;

type SeekPorts = Omit<TerminalPorts, 'readGame'>;

interface Seek {
  readonly names: TerminalNames;
  readonly totals: ChannelTotals;
  readonly ports: SeekPorts;
  /** The last word about each address. */
  readonly reasons: Map<string, string>;
  readonly won: (welcomed: Welcomed) => void;
}

/**
 * Finds the member that leads: every address is tried beside the others, again and again; a standby's stream stays open, so that a
 * take-over is heard at once. The first welcome that may command us wins; its epoch is on the disk before this returns.
 *
 * @param tell  Told every 10 s why there is no leader yet: each address's last word.
 * @throws the signal's reason; nothing else, for it never gives up.
 */
export async function seekLeader(
  names: TerminalNames,
  totals: ChannelTotals,
  ports: SeekPorts,
  tell: (why: string) => void,
  signal: AbortSignal,
): Promise<Welcomed> {
  const over = new AbortController();
  const seekSignal = AbortSignal.any([over.signal, signal]);
  let winner: Welcomed | undefined;
  const won = (welcomed: Welcomed): void => {
    if (winner === undefined && !seekSignal.aborted) winner = welcomed;
    else welcomed.stream.close();
    over.abort();
  };
  const reasons = new Map<string, string>();
  const running = new Map<string, { readonly stop: AbortController; readonly ended: Promise<void> }>();
  while (!seekSignal.aborted) {
    const endpoints = (await ports.findEndpoints(seekSignal)).slice(0, endpointsMax);
    const wanted = new Set(endpoints.map(formatEndpoint));
    for (const [key, { stop }] of running) {
      if (wanted.has(key)) continue;
      stop.abort();
      running.delete(key);
      reasons.delete(key);
    }
    for (const endpoint of endpoints) {
      const key = formatEndpoint(endpoint);
      if (running.has(key) || seekSignal.aborted) continue;
      const stop = new AbortController();
      const ended = keepTrying(endpoint, { names, totals, ports, reasons, won }, AbortSignal.any([stop.signal, seekSignal]));
      running.set(key, { stop, ended });
      await ports.clock.sleep(raceStaggerMs, seekSignal).catch(() => undefined);
    }
    await ports.clock.sleep(lookUpEveryMs, seekSignal).catch(() => undefined);
    if (!seekSignal.aborted) tell(wanted.size === 0 ? 'no address of a member is known' : wordsOf(reasons));
  }
  await Promise.all([...running.values()].map(({ ended }) => ended));
  if (winner === undefined || signal.aborted) {
    winner?.stream.close();
    signal.throwIfAborted();
  }
  invariant(winner !== undefined, 'a seek ends with a leader or with its signal');
  return winner;
}

const wordsOf = (reasons: ReadonlyMap<string, string>): string => [...reasons].map(([address, why]) => `${address}: ${why}`).join('; ');

async function keepTrying(endpoint: Endpoint, seek: Seek, signal: AbortSignal): Promise<void> {
  const { clock, random, log, credentials } = seek.ports;
  for (let failures = 1; !signal.aborted; failures += 1) {
    let stream: AttachStream | undefined;
    try {
      stream = new AttachStream(endpoint, credentials());
      const welcome = await hello(stream, seek, signal);
      seek.won({ stream, welcome });
      return;
    } catch (error) {
      stream?.close();
      if (signal.aborted) return;
      const why = messageOf(error);
      seek.reasons.set(formatEndpoint(endpoint), why);
      log.debug({ address: endpoint.address, why }, 'a member did not welcome this terminal');
      const asked = isServiceError(stream?.error) ? retryAfterMsOf(stream.error, retryAfterMaxMs) : undefined;
      await clock.sleep(Math.max(asked ?? 0, backoffMs(failures, attemptPolicy, random)), signal).catch(() => undefined);
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
