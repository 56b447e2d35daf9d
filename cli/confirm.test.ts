import { expect, test } from 'vitest';
import { whyUnconfirmed } from './confirm.ts';

test.each([
  ['the word itself', 'b', undefined],
  ['the word with spaces around it', ' b \n', undefined],
  ['another word', 'yes', 'it was not confirmed'],
  ['nothing', '', 'it was not confirmed'],
  ['no answer at all', undefined, 'there is nobody to ask for confirmation; give --yes'],
] as const)('%s', async (_, answer, expected) => {
  const asked: string[] = [];
  const ask = (question: string): Promise<string | undefined> => Promise.resolve(asked.push(question)).then(() => answer);
  expect(await whyUnconfirmed('b', 'delete its database', { ask })).toBe(expected);
  expect(asked).toEqual(['Type b to delete its database: ']);
});
