import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { silentLog } from '#lib/base/log.ts';
import { eventually } from '#test/cluster/eventually.ts';
import { temporaryFolder } from '#test/cluster/temporary.ts';
import type { TemporaryFolder } from '#test/cluster/temporary.ts';
import { askedMax, AskedOperations } from './asked-operations.ts';

let folder: TemporaryFolder;
beforeEach(async () => {
  folder = await temporaryFolder('asked');
});
afterEach(() => folder.remove());

const open = (): Promise<AskedOperations> => AskedOperations.open(join(folder.path, 'operations.json'), silentLog);

describe('what was asked of a member', () => {
  test('begins once by its id, also when it comes twice in one moment, and after a restart', async () => {
    const asked = await open();
    expect(await Promise.all([asked.begin('kill', 'x'), asked.begin('kill', 'x')])).toEqual([true, false]);
    expect(await (await open()).begin('kill', 'x')).toBe(false);
    expect(asked.standing).toEqual([{ id: 'x', what: 'kill', state: 'running', why: '-' }]);
  });

  test('its end is kept, the newest stands last, and the oldest is forgotten', async () => {
    const asked = await open();
    for (let count = 0; count <= askedMax; count += 1) await asked.begin('switchover', `s${count}`);
    asked.end(`s${askedMax}`, 'done', 'the standby took over');
    asked.end('stranger', 'done', 'nobody asked');
    expect(asked.standing).toHaveLength(askedMax);
    expect(asked.standing[0]).toMatchObject({ id: 's1', state: 'running' });
    expect(asked.standing.at(-1)).toMatchObject({ id: `s${askedMax}`, state: 'done', why: 'the standby took over' });
    await eventually('the end is on disk', async () => (await open()).standing.at(-1)?.state === 'done', { maxMs: 10_000 });
  });

  const lives: readonly (readonly [string, boolean, string | undefined])[] = [
    ['a copy that is not whole goes on after a restart', false, 'r'],
    ['a member that is whole has nothing to go on with', true, undefined],
  ];
  for (const [behaviour, whole, goesOn] of lives) {
    test(`${behaviour}; whatever else was under way has ended`, async () => {
      const asked = await open();
      await asked.begin('switchover', 'done');
      asked.end('done', 'done', 'over');
      await asked.begin('kill', 'k');
      await asked.begin('reinitialise', 'r');
      expect(asked.resume(whole)).toBe(goesOn);
      expect(asked.standing.map(({ id, state }) => `${id} ${state}`)).toEqual(['done done', 'k failed', whole ? 'r failed' : 'r running']);
    });
  }
});
