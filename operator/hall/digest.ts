import { createHash } from 'node:crypto';

const digestLength = 32;

/** A short name for this content: equal texts in equal order have the same one. */
export const digestOf = (...texts: readonly string[]): string =>
  createHash('sha256').update(JSON.stringify(texts)).digest('hex').slice(0, digestLength);
