/** A word put together from pieces, so that the rule against it does not find the place where it is forbidden. */
export function word(...pieces: readonly string[]): string {
  return pieces.join('');
}

/** Marks of open work. */
export const openWorkWords: readonly string[] = [word('TO', 'DO'), word('FIX', 'ME'), word('X', 'XX'), word('HA', 'CK')];

/** What makes a test not run, or keeps others from running. */
export const skippingWords: readonly string[] = ['skip', 'only', 'todo', 'skipIf', 'runIf', 'fails'];

/** Programs whose rules a comment can turn off. */
export const linterWords: readonly string[] = [word('ox', 'lint'), word('es', 'lint')];

/** Comments that turn the type checker off. */
export const typeCheckerWords: readonly string[] = [word('@ts-', 'ignore'), word('@ts-', 'nocheck')];
