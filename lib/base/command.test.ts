import { expect, test } from 'vitest';
import { wrongUsage } from './command.ts';

test('a message begins with the name of the program, and the way to its help is one that can be typed', () => {
  expect(wrongUsage('npm run bench --', 'no').text).toBe("npm run bench: no\nSee 'npm run bench -- --help'.\n");
  expect(wrongUsage('hallctl', 'no').text).toBe("hallctl: no\nSee 'hallctl --help'.\n");
});
