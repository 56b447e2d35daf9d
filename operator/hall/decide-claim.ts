import type { ClaimHolder } from './claim.ts';

/** What the present holder of a claim is known to be. */
export type HolderView = 'wants it' | 'wants another' | 'gone';

/**
 * held     We have it.
 * create   Nobody has it: creating it decides.
 * replace  Its holder is gone or wants something else: take it away, and create it.
 * taken    Somebody has it.
 */
export type ClaimDecision =
  { readonly do: 'held' } | { readonly do: 'create' } | { readonly do: 'replace' } | { readonly do: 'taken'; readonly by: ClaimHolder };

export function decideClaim(own: ClaimHolder, holder: ClaimHolder | undefined, view: HolderView): ClaimDecision {
  if (holder === undefined) return { do: 'create' };
  if (holder.uid === own.uid) return { do: 'held' };
  return view === 'wants it' ? { do: 'taken', by: holder } : { do: 'replace' };
}
