import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '#test/cluster/temporary.ts';
import { findBinaries, majorOfData } from './binaries.ts';
import { openInstance } from './open-instance.ts';
import { joinedPair, soon, testPorts } from './testing/real-pair.ts';

/** A folder with the programs of an installed version, which say no more than which one they are. */
async function install(directory: string, version: string, others: string): Promise<string> {
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, 'postgres'), `#!/bin/sh\necho 'postgres (PostgreSQL) ${version}'\n`);
  await chmod(join(directory, 'postgres'), 0o755);
  for (const name of ['initdb', 'pg_controldata', 'pg_basebackup', 'pg_rewind', 'pg_waldump'])
    await symlink(join(others, name), join(directory, name));
  return directory;
}

test('a second major version beside the one of the data is passed over, and one alone is refused', async () => {
  await using folder = await temporaryFolder('bin');
  const { directory: real } = await findBinaries(undefined, undefined, soon());
  const home = join(folder.path, 'versions');
  const older = await install(join(home, '16', 'bin'), '16.9', real);
  const newer = await install(join(home, '17', 'bin'), '17.5', real);
  expect((await findBinaries(undefined, undefined, soon(), [home])).directory).toBe(newer);
  expect((await findBinaries(undefined, 16, soon(), [home])).directory).toBe(older);
  await expect(findBinaries(newer, 16, soon())).rejects.toThrow(/which version 16 wrote: install PostgreSQL 16/);
  expect(await majorOfData(folder.path)).toBeUndefined();
});

test('programs of another major version neither start on the data nor copy the peer over them', async () => {
  await using pair = await joinedPair();
  await pair.b.stop(soon());
  const settings = pair.settingsOf('b');
  const binaryDirectory = await install(join(pair.folder.path, 'newer'), '17.5', settings.binaryDirectory);
  const other = openInstance({ ...settings, binaryDirectory }, testPorts);
  await expect(other.start({ as: 'standby', follow: true }, soon())).rejects.toMatchObject({ code: 'HK_POSTGRES_BINARIES' });
  await expect(other.copy(() => undefined, soon())).rejects.toMatchObject({ code: 'HK_POSTGRES_BINARIES' });
  expect(await pair.b.inspectData(soon())).toMatchObject({ holds: 'cluster' });
  await other.close();
}, 120_000);
