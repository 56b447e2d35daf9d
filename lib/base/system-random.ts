import { randomInt } from 'node:crypto';
import type { Random } from './random.ts';

/** Cryptographic chance of the machine. */
export const systemRandom: Random = { below: (bound) => randomInt(bound) };
