import { describe, expect, test } from 'vitest';
import { messageOf } from '#lib/base/errors.ts';
import { resolveMemberOptions } from './member-options.ts';

const least = { stateDirectory: '/var/lib/hallkeeper', dataDirectory: '/srv/postgresql/data' };
const refusal = (raw: unknown): string => {
  try {
    resolveMemberOptions(raw);
    return 'accepted';
  } catch (error) {
    return messageOf(error);
  }
};

describe('member.yaml', () => {
  test('two directories are enough', () => {
    expect(resolveMemberOptions(least)).toEqual({
      ...least,
      postgresql: { binDirectory: undefined, user: 'postgres' },
      bundle: undefined,
      hallServer: { command: undefined },
      metrics: { address: '127.0.0.1', port: 9_187 },
    });
  });

  test('everything that is wrong is said at once', () => {
    const raw = {
      stateDirectory: 'relative',
      postgresql: { user: 'Post Gres', binDirectory: 'bin' },
      metrics: { port: 70_000 },
      pasword: 'hunter2',
    };
    expect(refusal(raw)).toBe(
      'the settings are refused: stateDirectory must be an absolute path, found "relative"; dataDirectory is required; ' +
        'postgresql.binDirectory must be an absolute path, found "bin"; postgresql.user must be a user of this machine, found "Post Gres"; ' +
        'metrics.port must be a whole number from 0 to 65535, found 70000; ' +
        'pasword is not a known setting',
    );
  });

  const directories: readonly (readonly [string, object, string])[] = [
    ['beside the data directory', { stateDirectory: '/srv/postgresql/state' }, 'accepted'],
    ['with a name that only begins the same', { stateDirectory: '/srv/postgresql/data-state' }, 'accepted'],
    ['the data directory itself', { stateDirectory: '/srv/postgresql/data' }, 'must not lie inside dataDirectory'],
    ['inside the data directory', { stateDirectory: '/srv/postgresql/data/hallkeeper' }, 'must not lie inside dataDirectory'],
  ];
  for (const [where, change, expected] of directories)
    test(`the state directory ${where}`, () => expect(refusal({ ...least, ...change })).toContain(expected));

  for (const raw of [undefined, null, 'text', 7, ['a']]) {
    test(`a file that holds ${JSON.stringify(raw) ?? 'nothing'} is refused`, () => expect(refusal(raw)).toContain('must be a mapping'));
  }
});
