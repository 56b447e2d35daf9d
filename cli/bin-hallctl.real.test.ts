import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

/** A checkout with bin/hallctl and a program that says how it was started, and a machine whose own Node.js is too old. */
let place: string;
beforeAll(async () => {
  place = await mkdtemp(join(tmpdir(), 'hallkeeper-bin-'));
  for (const folder of ['checkout/bin', 'checkout/cli', 'old', 'new', 'links']) await mkdir(join(place, folder), { recursive: true });
  await copyFile(new URL('../bin/hallctl', import.meta.url), join(place, 'checkout/bin/hallctl'));
  await writeFile(join(place, 'checkout/cli/main.ts'), 'console.log(JSON.stringify(process.argv.slice(2)));\n');
  await writeFile(join(place, 'old/node'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
  await symlink(process.execPath, join(place, 'new/node'));
  await symlink(join(place, 'checkout/bin/hallctl'), join(place, 'links/hallctl'));
});
afterAll(() => rm(place, { recursive: true }));

const run = (program: string, path: string): Promise<{ readonly code: number; readonly out: string; readonly err: string }> =>
  new Promise((resolve) => {
    const env = { PATH: `${join(place, path)}:/usr/bin:/bin` };
    execFile(join(place, program), ['pair', 'explain', 'a b'], { env }, (error, out, err) => {
      resolve({ code: error === null ? 0 : Number(error.code), out, err });
    });
  });

test('where only an older Node.js is there, it says what brings the right one', async () => {
  expect(await run('checkout/bin/hallctl', 'old')).toMatchObject({
    code: 1,
    err: expect.stringMatching(/24\.12.*scripts\/setup/) as string,
  });
});

test('it takes the Node.js of the machine when that is new enough', async () => {
  expect(await run('checkout/bin/hallctl', 'new')).toMatchObject({ code: 0, out: '["pair","explain","a b"]\n' });
});

test('it finds the Node.js of its checkout, also through a link from elsewhere', async () => {
  const node = join(place, 'checkout/.hallkeeper/node/node_modules/.bin/node');
  await mkdir(dirname(node), { recursive: true });
  await symlink(process.execPath, node);
  expect(await run('links/hallctl', 'old')).toMatchObject({ code: 0, out: '["pair","explain","a b"]\n' });
});
