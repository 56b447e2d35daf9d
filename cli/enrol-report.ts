import type { Enrolled } from './enrol.ts';

/** What `hallctl pair enrol --out` says when it is done; never the token. */
export function reportOf({ pair, member, namespace, expiresAt, out }: Enrolled & { readonly out: string }, asJson: boolean): string {
  if (asJson) return `${JSON.stringify({ ok: true, pair, member, namespace, bundle: out, expiresAt })}\n`;
  return `The bundle of ${member} of ${pair} is in ${out}. It can be used until ${expiresAt}, by one agent.\n`;
}
