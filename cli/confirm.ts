import type { CommandPorts } from './command-frame.ts';

/**
 * Lets a person type a word that he must mean.
 *
 * @returns Why it is not confirmed; undefined when it is.
 */
export async function whyUnconfirmed(word: string, what: string, { ask }: Pick<CommandPorts, 'ask'>): Promise<string | undefined> {
  const answer = await ask(`Type ${word} to ${what}: `);
  if (answer === undefined) return 'there is nobody to ask for confirmation; give --yes';
  return answer.trim() === word ? undefined : 'it was not confirmed';
}
