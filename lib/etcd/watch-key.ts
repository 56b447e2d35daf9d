import { Metadata } from '@grpc/grpc-js';
import type { Clock } from '#lib/base/clock.ts';
import { messageOf } from '#lib/base/errors.ts';
import type { EtcdKey } from './key-store.ts';
import type { WatchResponse } from './gen/etcdserverpb/record.ts';

export interface WatchPorts {
  readonly clock: Clock;
  /** Before the next watch, when one failed or ended. */
  readonly pauseMs: number;
  /** Hears why a watch failed. */
  readonly failed?: (why: string) => void;
}

/**
 * Tells that the key may have changed, until the signal aborts: once whenever a watch stands anew, then at every change. It begins with
 * "now" and never with a version, so that no compaction can be in its way. Never rejects.
 */
export async function watchKey(
  key: EtcdKey,
  changed: () => void,
  { clock, pauseMs, failed }: WatchPorts,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const { connection, moved } = key.preferred;
    const over = AbortSignal.any([signal, moved]);
    try {
      if (connection !== undefined) await followOnce(connection.watch, key.bytes, changed, over);
    } catch (error) {
      if (!over.aborted) failed?.(messageOf(error));
    }
    // Another endpoint answers now: the watch follows it at once.
    if (!moved.aborted) await clock.sleep(pauseMs, signal).catch(() => undefined);
  }
}

function followOnce(
  client: NonNullable<EtcdKey['preferred']['connection']>['watch'],
  key: Buffer,
  changed: () => void,
  signal: AbortSignal,
): Promise<void> {
  const metadata = new Metadata();
  // A server that was cut off from the others ends the stream, rather than staying silent for ever.
  metadata.set('hasleader', 'true');
  return new Promise((resolve, reject) => {
    const stream = client.watch(metadata);
    const stop = (): void => stream.cancel();
    const end = (): void => {
      signal.removeEventListener('abort', stop);
      resolve();
    };
    signal.addEventListener('abort', stop, { once: true });
    stream.on('data', (response: WatchResponse) => {
      if (response.canceled) {
        reject(new Error(response.cancelReason === '' ? `compacted at ${response.compactRevision}` : response.cancelReason));
        stop();
      } else if (response.created || response.events.length > 0) changed();
    });
    stream.once('end', end);
    stream.once('close', end);
    stream.on('error', (error) => {
      signal.removeEventListener('abort', stop);
      reject(error);
    });
    stream.write({ requestUnion: { $case: 'createRequest', value: { key } } });
    if (signal.aborted) stop();
  });
}
