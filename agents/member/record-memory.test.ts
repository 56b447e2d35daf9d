import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { silentLog } from '#lib/base/log.ts';
import { systemRandom } from '#lib/base/system-random.ts';
import { found, newRecord, settled } from '#lib/pair/pair-record.ts';
import { RecordMemory } from './record-memory.ts';

const pair = 'pair-7';
const founded = found(newRecord, { author: 'a', reason: 'test' });
let folder: string;
let count = 0;
const fresh = (): string => join(folder, `${(count += 1)}`, 'record-seen.json');
const open = (file: string, of = pair): Promise<RecordMemory> =>
  RecordMemory.open(file, { pair: of, self: 'a', random: systemRandom }, silentLog);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hallkeeper-memory-'));
});
afterAll(async () => await rm(folder, { recursive: true, force: true }));

describe('what an agent remembers of the record', () => {
  test('nothing before one was seen', async () => {
    const memory = await open(fresh());
    expect(memory).toMatchObject({ seen: false, cluster: undefined });
    expect(memory.doubt(newRecord)).toBeUndefined();
  });

  test('the first one is on disk before it is acted on', async () => {
    const file = fresh();
    await (await open(file)).note(newRecord, 'c1');
    expect(await open(file)).toMatchObject({ seen: true, cluster: 'c1' });
  });

  test('the newest of many is on disk in the end', async () => {
    const file = fresh();
    const memory = await open(file);
    let record = founded;
    for (let round = 0; round < 50; round += 1) {
      await memory.note(record, 'c1');
      record = settled(record);
    }
    await memory.settled();
    expect((await open(file)).doubt(founded)?.why).toBe(`the record went back from sequence 50, epoch 1 to 1, 1`);
  });

  test('a record that is older in sequence or epoch is doubted, the same or a newer one is not', async () => {
    const memory = await open(fresh());
    await memory.note(founded, 'c1');
    expect(memory.doubt(newRecord)?.why).toContain('went back');
    expect(memory.doubt({ ...founded, sequence: 9, epoch: 0 })?.why).toContain('went back');
    for (const record of [founded, settled(founded)]) expect(memory.doubt(record)).toBeUndefined();
  });

  test('a record that was changed by others since it was set back is known by its marks, also by the next agent', async () => {
    const file = fresh();
    const memory = await open(file);
    await memory.note(founded, 'c1');
    const mine = memory.sign(settled(founded));
    expect(mine.marks?.a).toMatch(/^[0-9a-f]{16}$/);
    await memory.note(mine, 'c1');
    await memory.settled();
    const last = memory.sign(settled(mine));
    expect(last.marks?.a).not.toBe(mine.marks?.a);
    await memory.note(last, 'c1');
    await memory.settled();
    // Set back to before the first own change, and carried on by the other member.
    const other = { ...settled(settled(settled(last))), marks: { a: 'abc', b: 'def' } };
    for (const one of [memory, await open(file)]) {
      expect(one.doubt(other)?.why).toContain('lacks the last change of a');
      expect(one.doubt(settled(last))).toBeUndefined();
      expect(one.doubt({ ...settled(last), marks: { b: 'def' } })).toBeUndefined();
    }
  });

  test('a mark is used only when it is on disk, and while it cannot be kept the last one serves again', async () => {
    const file = fresh();
    const memory = await open(file);
    expect(memory.sign(newRecord).marks).toBeUndefined();
    await memory.note(founded, 'c1');
    const mine = memory.sign(settled(founded));
    await rm(join(file, '..'), { recursive: true });
    await writeFile(join(file, '..'), '');
    await memory.note(mine, 'c1');
    await memory.settled();
    expect(memory.sign(settled(mine)).marks).toEqual(mine.marks);
    expect(memory.doubt(memory.sign(settled(mine)))).toBeUndefined();
  });

  test('another pair of the same folder saw nothing', async () => {
    const file = fresh();
    await (await open(file)).note(founded, 'c1');
    expect((await open(file, 'pair-8')).seen).toBe(false);
  });

  test('a damaged file still says that there was a record, and is mended by the next one', async () => {
    const file = fresh();
    await (await open(file)).note(founded, 'c1');
    await writeFile(file, (await readFile(file, 'utf8')).slice(0, 20));
    const memory = await open(file);
    expect(memory).toMatchObject({ seen: true, cluster: undefined });
    await memory.note(founded, 'c1');
    expect(await open(file)).toMatchObject({ seen: true, cluster: 'c1' });
  });

  test('what a newer agent kept beside it is passed over, and the doubt stays', async () => {
    const file = fresh();
    const memory = await open(file);
    await memory.note({ ...founded, sequence: 9 }, 'c1');
    await memory.settled();
    await writeFile(file, JSON.stringify({ ...(JSON.parse(await readFile(file, 'utf8')) as object), newer: true }));
    expect((await open(file)).doubt({ ...founded, sequence: 8 })?.why).toContain('went back from sequence 9');
  });

  test('what cannot be kept is an error, and then nothing was seen', async () => {
    const file = fresh();
    const memory = await open(file);
    await writeFile(join(file, '..'), '');
    await expect(memory.note(founded, 'c1')).rejects.toMatchObject({ code: expect.stringMatching(/EEXIST|ENOTDIR/) as string });
    expect(memory.seen).toBe(false);
  });
});
