import type { KubeError } from './errors.ts';
import type { KubeObject, WatchEvent } from './objects.ts';

/**
 * The life of a reflector. What it must do next follows from the state alone; what happened gives the next state.
 *
 * empty     Nothing is known. The first page of a list is asked for.
 * listing   Some pages are here, the store still holds what it held before. The next page is asked for.
 * listed    The list is complete and stands in the store. A watch is opened where the list ended, or the last watch did.
 * watching  Changes arrive. Every event and every bookmark moves the version on.
 *
 * A version that is too old leads back to `empty` from everywhere, and so does the wish for a new list; any other failure
 * leads from `watching` to `listed` and keeps the version, and from a list to `empty`.
 */
export type ReflectorState<T extends KubeObject> = Remembered &
  (
    | { readonly mode: 'empty' }
    | { readonly mode: 'listing'; readonly pages: readonly (readonly T[])[]; readonly continueToken: string }
    | { readonly mode: 'listed'; readonly resourceVersion: string }
    | { readonly mode: 'watching'; readonly resourceVersion: string; readonly openedAtMs: number; readonly heard: boolean }
  );

/** What outlives the modes. */
interface Remembered {
  /** When a watch was last told that its version is too old. */
  readonly expiredAtMs?: number;
}

export const reflectorModes = ['empty', 'listing', 'listed', 'watching'] as const;
export type ReflectorMode = (typeof reflectorModes)[number];

export type ReflectorHappening<T extends KubeObject> =
  | { readonly what: 'page'; readonly items: readonly T[]; readonly resourceVersion: string; readonly continueToken?: string | undefined }
  | { readonly what: 'opening' }
  | { readonly what: 'event'; readonly event: WatchEvent<T> }
  | { readonly what: 'ended' }
  | { readonly what: 'outdated' }
  | { readonly what: 'failed'; readonly error: Pick<KubeError, 'code' | 'retryAfterMs'> };

/** What the store is told. */
export type Delivery<T extends KubeObject> =
  | { readonly do: 'replace'; readonly objects: readonly T[] }
  | { readonly do: 'put'; readonly object: T }
  | { readonly do: 'remove'; readonly object: T };

/** To wait before acting on the new state: longer with each failure, and never less than this. */
export interface ReflectorPause {
  readonly atLeastMs: number;
}

export interface ReflectorStep<T extends KubeObject> {
  readonly state: ReflectorState<T>;
  readonly deliver?: Delivery<T>;
  readonly pause?: ReflectorPause;
}

/** A watch that ends sooner without a word is a fault of the server or of something in between. */
export const shortWatchMs = 1_000;

/** A version that is too old again within this time was none that merely grew old: the server cannot serve what it lists. */
const expiredAgainMs = 120_000;

/** What follows. A happening that the state cannot have is a bug of the caller and changes nothing. */
export function stepReflector<T extends KubeObject>(
  state: ReflectorState<T>,
  happening: ReflectorHappening<T>,
  nowMs: number,
): ReflectorStep<T> {
  switch (happening.what) {
    case 'page':
      return stepPage(state, happening);
    case 'opening':
      if (state.mode !== 'listed') return { state };
      return {
        state: { ...rememberedOf(state), mode: 'watching', resourceVersion: state.resourceVersion, openedAtMs: nowMs, heard: false },
      };
    case 'event':
      return state.mode === 'watching' ? stepEvent(state, happening.event) : { state };
    case 'ended': {
      if (state.mode !== 'watching') return { state };
      const listed = { ...rememberedOf(state), mode: 'listed', resourceVersion: state.resourceVersion } as const;
      const tooShort = !state.heard && nowMs - state.openedAtMs < shortWatchMs;
      return tooShort ? { state: listed, pause: { atLeastMs: 0 } } : { state: listed };
    }
    case 'outdated':
      return { state: { ...rememberedOf(state), mode: 'empty' } };
    case 'failed':
      return stepFailure(state, happening.error, nowMs);
  }
}

function rememberedOf({ expiredAtMs }: Remembered): Remembered {
  return expiredAtMs === undefined ? {} : { expiredAtMs };
}

function stepPage<T extends KubeObject>(
  state: ReflectorState<T>,
  page: { readonly items: readonly T[]; readonly resourceVersion: string; readonly continueToken?: string | undefined },
): ReflectorStep<T> {
  if (state.mode !== 'empty' && state.mode !== 'listing') return { state };
  const pages = [...(state.mode === 'listing' ? state.pages : []), page.items];
  if (page.continueToken !== undefined) {
    return { state: { ...rememberedOf(state), mode: 'listing', pages, continueToken: page.continueToken } };
  }
  return {
    state: { ...rememberedOf(state), mode: 'listed', resourceVersion: page.resourceVersion },
    deliver: { do: 'replace', objects: pages.flat() },
  };
}

function stepEvent<T extends KubeObject>(state: Extract<ReflectorState<T>, { mode: 'watching' }>, event: WatchEvent<T>): ReflectorStep<T> {
  const next = { ...state, resourceVersion: event.object.metadata.resourceVersion ?? state.resourceVersion, heard: true };
  switch (event.type) {
    case 'ADDED':
    case 'MODIFIED':
      return { state: next, deliver: { do: 'put', object: event.object } };
    case 'DELETED':
      return { state: next, deliver: { do: 'remove', object: event.object } };
    case 'BOOKMARK':
      return { state: next };
  }
}

function stepFailure<T extends KubeObject>(
  state: ReflectorState<T>,
  error: Pick<KubeError, 'code' | 'retryAfterMs'>,
  nowMs: number,
): ReflectorStep<T> {
  const watched = state.mode === 'listed' || state.mode === 'watching';
  // A list after a version that is too old is the way on, not a failure: it waits for nothing. But a server whose lists
  // are too old for its own watches would be listed without end, so from the second time on it waits. A list whose own
  // continue token has expired begins again after a pause, or a server that is too slow for it would be asked forever.
  if (error.code === 'HK_KUBE_EXPIRED' && watched) {
    const empty = { mode: 'empty', expiredAtMs: nowMs } as const;
    const again = state.expiredAtMs !== undefined && nowMs - state.expiredAtMs < expiredAgainMs;
    return again ? { state: empty, pause: { atLeastMs: 0 } } : { state: empty };
  }
  // A missing permission is no exception: an API server that has just started refuses everybody for a moment.
  const pause = { atLeastMs: error.retryAfterMs ?? 0 };
  const remembered = rememberedOf(state);
  return {
    state: watched ? { ...remembered, mode: 'listed', resourceVersion: state.resourceVersion } : { ...remembered, mode: 'empty' },
    pause,
  };
}
