/**
 * What a caller may do about an error.
 *
 * backoff  The same call may succeed later.
 * reread   The world changed: look and decide again, never repeat the write.
 * never    Only a person or a changed object helps.
 */
export type RetryDecision = 'backoff' | 'reread' | 'never';

/** One line of an error catalogue. `says` is for people and holds no value of the failed call. */
export interface ErrorKind {
  readonly retry: RetryDecision;
  readonly says: string;
}

/** An error with a stable code. Codes are never reused; the catalogues are listed in docs/errors.md. */
export class HallkeeperError extends Error {
  override readonly name = 'HallkeeperError';
  readonly code: string;
  readonly retry: RetryDecision;

  constructor(code: string, kind: ErrorKind, detail: string, options?: ErrorOptions) {
    super(detail === '' ? kind.says : `${kind.says}: ${detail}`, options);
    this.code = code;
    this.retry = kind.retry;
  }
}

type Raise = (detail?: string, options?: ErrorOptions) => HallkeeperError;

/** Every catalogue of the process, by code; the handbook test reads it. */
export const errorCatalogue = new Map<string, ErrorKind>();

/** Makes a catalogue: each key becomes a function that builds (not throws) its error. */
export function defineErrors<Code extends string>(kinds: Readonly<Record<Code, ErrorKind>>): Readonly<Record<Code, Raise>> {
  const raisers = {} as Record<Code, Raise>;
  for (const code of Object.keys(kinds) as Code[]) {
    const kind = kinds[code];
    errorCatalogue.set(code, kind);
    raisers[code] = (detail = '', options) => new HallkeeperError(code, kind, detail, options);
  }
  return raisers;
}

/** The decision an error carries. An error without one is unknown to us and may pass: back off. */
export function retryOf(error: unknown): RetryDecision {
  return error instanceof HallkeeperError ? error.retry : 'backoff';
}

/** The stable code of an error, or undefined. System errors of Node carry one too (ECONNREFUSED). */
export function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** One line for a log or a condition: messages of the error and of its causes, never a stack. */
export function messageOf(error: unknown): string {
  const parts: string[] = [];
  let current: unknown = error;
  for (let depth = 0; current !== undefined && current !== null && depth < causesMax; depth += 1) {
    const message = current instanceof Error ? current.message || (codeOf(current) ?? current.name) : pictureOf(current);
    if (!parts.some((part) => part.includes(message))) parts.push(message);
    current = current instanceof Error ? current.cause : undefined;
  }
  return parts.join(': ');
}

const causesMax = 5;

/** Whatever somebody threw that is no error. */
function pictureOf(thrown: unknown): string {
  try {
    const text: string | undefined = JSON.stringify(thrown);
    return text ?? String(thrown);
  } catch {
    // A circle, or a bigint in it.
    return `a thrown ${typeof thrown}`;
  }
}
