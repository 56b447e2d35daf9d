import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { silentLog } from '#lib/base/log.ts';
import { found, newRecord, settled } from '#lib/pair/pair-record.ts';
import { RecordMemory } from './record-memory.ts';

const pair = 'pair-7';
const founded = found(newRecord, { author: 'a', reason: 'test' });
let folder: string;
let count = 0;
const fresh = (): string => join(folder, `${(count += 1)}`, 'record-seen.json');
const open = (file: string, of = pair): Promise<RecordMemory> => RecordMemory.open(file, of, silentLog);

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
    expect((await open(file)).doubt(founded)).toBe(`the record went back from sequence 50, epoch 1 to 1, 1`);
  });

  test('a record that is older in sequence or epoch is doubted, the same or a newer one is not', async () => {
    const memory = await open(fresh());
    await memory.note(founded, 'c1');
    expect(memory.doubt(newRecord)).toContain('went back');
    expect(memory.doubt({ ...founded, sequence: 9, epoch: 0 })).toContain('went back');
    for (const record of [founded, settled(founded)]) expect(memory.doubt(record)).toBeUndefined();
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
    expect((await open(file)).doubt({ ...founded, sequence: 8 })).toContain('went back from sequence 9');
  });

  test('what cannot be kept is an error, and then nothing was seen', async () => {
    const file = fresh();
    const memory = await open(file);
    await writeFile(join(file, '..'), '');
    await expect(memory.note(founded, 'c1')).rejects.toMatchObject({ code: expect.stringMatching(/EEXIST|ENOTDIR/) as string });
    expect(memory.seen).toBe(false);
  });
});
