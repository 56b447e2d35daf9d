import { Writer } from '../pair/writer.ts';
import { firstIds } from './first-ids.ts';
import type { WriterConnection } from '../pair/writer.ts';
import type { Name } from '../pair/watch-pair.ts';

/** Between two commits of a client that watches; so close, an outage is seen to a hundredth of a second. */
export const observeEveryMs = 10;
/** A member that lets no client in is asked less often: each refusal costs it a TLS handshake. */
const observeRefusedMs = 50;
/** A commit takes milliseconds; a client that wants to be served again soon asks again after this. */
export const attemptMs = 300;

/** A client that goes straight to one member, whoever leads. Ours and a rival are watched alike, or their figures could not be compared. */
export function observerOf(name: Name, address: string, connection: WriterConnection): Writer {
  const pace = { firstId: firstIds[name], everyMs: observeEveryMs, retryMs: observeRefusedMs, attemptMs };
  return new Writer(() => Promise.resolve([address]), connection, pace);
}
