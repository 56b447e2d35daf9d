/** Tokens of members live a day: a hall without uplink for longer gets a fresh one over mTLS. */
export const tokenSeconds = 86_400;

export type TokenDecision =
  | { readonly do: 'keep'; readonly dueAtMs: number }
  | { readonly do: 'request'; readonly why: 'none' | 'unreadable' | 'other account' | 'age' };

interface TokenClaims {
  /** Seconds since 1970. */
  readonly iat: number;
  readonly exp: number;
  readonly accountUid: string | undefined;
}

/**
 * Whether a member needs a new token: it has none, its ServiceAccount was made anew, or half of its life has passed. The API server may
 * have shortened the life that was asked for, so the token itself is read; its signature is the API server's business.
 */
export function decideToken(token: string | undefined, accountUid: string, nowMs: number): TokenDecision {
  if (token === undefined || token === '') return { do: 'request', why: 'none' };
  const claims = readClaims(token);
  if (claims === undefined) return { do: 'request', why: 'unreadable' };
  if (claims.accountUid !== accountUid) return { do: 'request', why: 'other account' };
  const dueAtMs = ((claims.iat + claims.exp) / 2) * 1_000;
  return nowMs >= dueAtMs ? { do: 'request', why: 'age' } : { do: 'keep', dueAtMs };
}

function readClaims(token: string): TokenClaims | undefined {
  const [, payload = ''] = token.split('.');
  try {
    const raw = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) as {
      readonly iat?: unknown;
      readonly exp?: unknown;
      readonly 'kubernetes.io'?: { readonly serviceaccount?: { readonly uid?: string } };
    };
    if (typeof raw.iat !== 'number' || typeof raw.exp !== 'number') return undefined;
    return { iat: raw.iat, exp: raw.exp, accountUid: raw['kubernetes.io']?.serviceaccount?.uid };
  } catch {
    return undefined;
  }
}
