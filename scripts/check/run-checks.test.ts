import { expect, test } from 'vitest';
import { lintProblems } from './checks.ts';
import { resultTable, runChecks } from './run-checks.ts';

test('every check runs, also after one that fails or throws, and the table counts them', async () => {
  const told: string[] = [];
  const results = await runChecks(
    [
      { name: 'types', run: () => Promise.resolve('a.ts(1,1): wrong') },
      { name: 'lint', run: () => Promise.reject(new Error('no such program')) },
      { name: 'format', run: () => Promise.resolve('') },
    ],
    {
      begins: (name, number) => told.push(`${number} ${name} begins`),
      fails: ({ name, problems }) => told.push(`${name}: ${problems}`),
    },
  );
  expect(told).toEqual([
    '1 types begins',
    'types: a.ts(1,1): wrong',
    '2 lint begins',
    'lint: could not be checked: no such program',
    '3 format begins',
  ]);
  expect(resultTable(results).replaceAll(/ +[0-9.]+ s$/gm, '')).toBe(
    '\n  types   FAILED\n  lint    FAILED\n  format  passed\n\n1 passed, 2 failed\n',
  );
});

test.each([
  { behaviour: 'a linter that looked at files and is content', code: 0, said: 'Finished in 1.2s on 210 files', wrong: false },
  { behaviour: 'a linter that looked at no file', code: 0, said: 'Finished in 1ms on 0 files', wrong: true },
  { behaviour: 'a linter that says nothing at all', code: 0, said: '', wrong: true },
  { behaviour: 'a linter that found something', code: 1, said: 'x.ts: bad\nFinished in 1s on 3 files', wrong: true },
])('$behaviour', ({ code, said, wrong }) => expect(lintProblems({ code, said }) !== '').toBe(wrong));
