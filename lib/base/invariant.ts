/** A promise of our own code was broken. It ends the process: a restart is safer than a wrong belief. */
export class InvariantBroken extends Error {
  override readonly name = 'InvariantBroken';
}

/**
 * States what must hold. Stays on in production.
 *
 * @throws InvariantBroken  Never caught to carry on; only a supervisor of processes may see it.
 */
export function invariant(holds: boolean, promise: string): asserts holds {
  if (!holds) throw new InvariantBroken(`broken promise: ${promise}`);
}

/** Marks a branch that the types say cannot be reached. */
export function unreachable(value: never): never {
  throw new InvariantBroken(`broken promise: no such case: ${JSON.stringify(value)}`);
}
