/** What the condition ZeroLossFailoverPossible tells of commits that do not wait for the standby, and how it is found again in its message. */

/** So many are named, and the others counted: a message has its bound. */
const namedMax = 3;

/** For whom no failover is without loss, whatever the pair does: one sentence. `lowered` names roles, databases and tables, at least one. */
export function loweredInWords(lowered: readonly string[]): string {
  const more = lowered.length - namedMax;
  const named = [...lowered.slice(0, namedMax), ...(more > 0 ? [`${more} more`] : [])];
  return `Commits of ${named.join(', ')} do not wait for the standby and may be lost: synchronous_commit is lowered there, or the tables are not logged.`;
}

/** That sentence in a message; undefined where it does not stand. */
export function loweredSentence(message: string): string | undefined {
  return /Commits of .*? do not wait for the standby and may be lost: synchronous_commit is lowered there, or the tables are not logged\./s.exec(
    message,
  )?.[0];
}
