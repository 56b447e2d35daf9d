import { spawnSync } from 'node:child_process';
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { temporaryFolder } from '#test/cluster/temporary.ts';

const script = fileURLToPath(new URL('../.ci/run', import.meta.url));

test.each([
  { behaviour: 'both pass', check: 0, tests: 0, passes: true },
  { behaviour: 'the checks fail', check: 1, tests: 0, passes: false },
  { behaviour: 'the tests fail', check: 0, tests: 3, passes: false },
  { behaviour: 'both fail', check: 1, tests: 1, passes: false },
])('.ci/run runs both parts and ends well only when both do: $behaviour', async ({ check, tests, passes }) => {
  await using folder = await temporaryFolder('ci');
  await mkdir(join(folder.path, '.ci'));
  await copyFile(script, join(folder.path, '.ci', 'run'));
  const npm = `#!/bin/sh\necho "npm $*"\ncase $1 in test) exit ${tests};; run) exit ${check};; esac\n`;
  await writeFile(join(folder.path, 'npm'), npm, { mode: 0o755 });
  const ended = spawnSync('bash', [join(folder.path, '.ci', 'run')], {
    env: { ...process.env, PATH: `${folder.path}:${process.env['PATH'] ?? ''}` },
    encoding: 'utf8',
  });
  expect(ended.stdout.split('\n')).toEqual(expect.arrayContaining(['npm test', 'npm run check']));
  expect(ended.status === 0).toBe(passes);
});
