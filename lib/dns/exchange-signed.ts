import type { Clock } from '#lib/base/clock.ts';
import { exchangeTcp } from './exchange.ts';
import type { DnsServer } from './exchange.ts';
import { signMessage, verifyAnswer } from './tsig.ts';
import type { TsigKey, TsigVerdict } from './tsig.ts';

export interface SignedAnswer {
  readonly verdict: TsigVerdict;
  /** By how much the server's clock is ahead of ours; present when the request was signed again because of it. */
  readonly serverAheadMs?: number;
}

/**
 * Sends a message signed by the key over TCP and judges the signature of the answer.
 *
 * A server whose clock is more than five minutes from ours answers BADTIME and tells its time, signed over this very request. Then the
 * request is signed once more with that time: a member whose clock has jumped must still move its name, and the answer proves that it
 * comes from the server and is no old one. The signature is not weaker for it: nobody without the key can tell us a time.
 *
 * @throws HK_DNS_UNREACHABLE, HK_DNS_MESSAGE_INVALID, HK_DNS_KEY_INVALID
 * @see RFC 8945 5.2.3
 */
export async function exchangeSigned(
  server: DnsServer,
  message: Buffer,
  key: TsigKey,
  clock: Clock,
  signal: AbortSignal,
): Promise<SignedAnswer> {
  const ask = async (aheadMs: number): Promise<TsigVerdict> => {
    const signed = signMessage(message, key, clock.wallMs() + aheadMs);
    return verifyAnswer(await exchangeTcp(server, signed.bytes, signal), signed, key, clock.wallMs() + aheadMs);
  };
  const verdict = await ask(0);
  if (!verdict.authentic || verdict.error !== 'BADTIME' || verdict.serverAheadMs === undefined) return { verdict };
  const { serverAheadMs } = verdict;
  return { verdict: await ask(serverAheadMs), serverAheadMs };
}
