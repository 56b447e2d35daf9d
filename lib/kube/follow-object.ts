import type { Clock } from '#lib/base/clock.ts';
import type { KubeClient } from './client.ts';
import { shortWatchMs } from './decide-reflector.ts';
import type { KubeObject, ObjectKey, ResourceType, WatchEvent } from './objects.ts';

export interface FollowPorts {
  /** Asked before each watch: with new credentials it may be another one. */
  client(): Pick<KubeClient, 'watch'>;
  readonly clock: Clock;
  /** Before the next watch, when one failed or ended at once. */
  readonly pauseMs: number;
  /** Hears why a watch failed. */
  readonly failed?: (error: unknown) => void;
}

/** The server ends a watch after this time; the next one begins with the object as it is. */
const watchSeconds = 300;

/**
 * Follows one object until the signal aborts: told as it is, then at every change, and again whenever the watch is opened anew. What
 * `changed` throws counts as a failure of the watch, so that the object is told again. Never rejects.
 */
export async function followObject<T extends KubeObject>(
  type: ResourceType<T>,
  { namespace, name }: ObjectKey,
  changed: (event: Exclude<WatchEvent<T>, { readonly type: 'BOOKMARK' }>) => Promise<void> | void,
  { client, clock, pauseMs, failed }: FollowPorts,
  signal: AbortSignal,
): Promise<void> {
  // Without a version the watch begins with the object as it is. The object's own version would be too old for a server that was started
  // after the last change of the object.
  const options = { namespace, fieldSelector: `metadata.name=${name}`, resourceVersion: '', timeoutSeconds: watchSeconds };
  while (!signal.aborted) {
    const current = client();
    const openedAtMs = clock.nowMs();
    try {
      for await (const event of current.watch(type, options, signal)) if (event.type !== 'BOOKMARK') await changed(event);
      // Something in between may end every stream at once and call that a success: without a pause it would be asked without end.
      if (clock.nowMs() - openedAtMs >= shortWatchMs) continue;
    } catch (error) {
      if (signal.aborted) return;
      if (current === client()) failed?.(error);
    }
    // New credentials closed the former client, and the watch with it.
    if (current === client()) await clock.sleep(pauseMs, signal).catch(() => undefined);
  }
}
