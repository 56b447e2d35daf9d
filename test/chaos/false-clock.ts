import { existsSync } from 'node:fs';
import { chmod, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { postgresPrograms, systemProgram } from '../cluster/programs.ts';
import { temporaryFolder } from '../cluster/temporary.ts';

/** A clock on the wall that is wrong for whoever is started with it, and may jump at any time. Monotonic clocks go on as they are. */
export interface FalseClock extends AsyncDisposable {
  /** For a program that inherits it. */
  readonly env: Readonly<Record<string, string>>;
  /** A folder with the programs of PostgreSQL, whose server goes by this clock although it inherits nothing. */
  readonly binDirectory: string;
  /** Says how far it is off, in seconds, and waits until everybody has noticed. */
  jump(seconds: number): Promise<void>;
}

/** The library looks at its file again after this. */
const noticedWithinSeconds = 1;

/** Where Debian and others keep the library, whose program only sets what is set here. */
async function library(): Promise<string> {
  systemProgram('faketime');
  const roots = (await readdir('/usr/lib', { withFileTypes: true }))
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => `/usr/lib/${name}`);
  for (const root of ['/usr/lib', '/usr/local/lib', ...roots]) {
    const file = join(root, 'faketime', 'libfaketimeMT.so.1');
    if (existsSync(file)) return file;
  }
  throw new Error('libfaketimeMT.so.1 was not found beside faketime; scripts/setup finds or installs it');
}

export async function makeFalseClock(): Promise<FalseClock> {
  const folder = await temporaryFolder('clock');
  await chmod(folder.path, 0o755);
  const file = join(folder.path, 'offset');
  const env = {
    LD_PRELOAD: await library(),
    FAKETIME_TIMESTAMP_FILE: file,
    FAKETIME_CACHE_DURATION: String(noticedWithinSeconds),
    // Both names of it: releases differ. Only the clock on the wall is set by people, batteries and time servers.
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
    DONT_FAKE_MONOTONIC: '1',
    FAKETIME_DISABLE_SHM: '1',
  };
  const set = async (seconds: number): Promise<void> => await writeFile(file, `${seconds < 0 ? '' : '+'}${seconds}`);
  await set(0);
  const programs = postgresPrograms();
  for (const name of await readdir(programs)) if (name !== 'postgres') await symlink(join(programs, name), join(folder.path, name));
  const variables = Object.entries(env).map(([name, value]) => `${name}='${value}'`);
  const server = join(folder.path, 'postgres');
  await writeFile(server, `#!/bin/sh\nexec env ${variables.join(' ')} '${join(programs, 'postgres')}' "$@"\n`, { mode: 0o755 });
  return {
    env,
    binDirectory: folder.path,
    jump: async (seconds) => {
      await set(seconds);
      await new Promise((resolve) => setTimeout(resolve, 2 * noticedWithinSeconds * 1_000));
    },
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}
