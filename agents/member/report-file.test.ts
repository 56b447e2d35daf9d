import { readFile, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { silentLog } from '#lib/base/log.ts';
import { temporaryFolder } from '#test/cluster/temporary.ts';
import type { TemporaryFolder } from '#test/cluster/temporary.ts';
import type { FailoverReport } from './contract-status.ts';
import type { KeptList } from './kept-list.ts';
import { openReports, reportsMax } from './report-file.ts';

let folder: TemporaryFolder;
let path: string;
beforeEach(async () => {
  folder = await temporaryFolder('reports');
  path = join(folder.path, 'failovers.json');
});
afterEach(() => folder.remove());

const report = (epoch: number): FailoverReport => ({
  epoch,
  reason: 'silence',
  why: 'test',
  from: 'a',
  to: 'b',
  startedAt: '2026-01-01T00:00:00.000Z',
  completedAt: '2026-01-01T00:00:01.000Z',
  phasesMs: { detect: 1, decide: 2, fence: 3, promote: 4, open: 5, route: 6 },
  outageMs: 15,
  positionAtClaim: '0/1000',
});
const epochs = ({ entries }: KeptList<FailoverReport>): readonly number[] => entries.map(({ epoch }) => epoch);

describe('the history of take-overs', () => {
  test('is empty at first, and writes nothing before there is something', async () => {
    expect(epochs(await openReports(path, silentLog))).toEqual([]);
    expect(await readdir(folder.path)).toEqual([]);
  });

  test('survives a restart, newest first, readable by the agent alone', async () => {
    const file = await openReports(path, silentLog);
    await file.add(report(2));
    await file.add(report(3));
    expect(epochs(await openReports(path, silentLog))).toEqual([3, 2]);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  test('keeps the last ones only', async () => {
    const file = await openReports(path, silentLog);
    for (let epoch = 1; epoch <= reportsMax + 3; epoch += 1) await file.add(report(epoch));
    const kept = Array.from({ length: reportsMax }, (_, index) => reportsMax + 3 - index);
    expect(epochs(file)).toEqual(kept);
    expect(epochs(await openReports(path, silentLog))).toEqual(kept);
  });

  test('two at the same moment are both kept, in their order', async () => {
    const file = await openReports(path, silentLog);
    await Promise.all([file.add(report(2)), file.add(report(3)), file.add(report(4))]);
    expect(epochs(await openReports(path, silentLog))).toEqual([4, 3, 2]);
  });

  test('half a write leaves the history as it was', async () => {
    await (await openReports(path, silentLog)).add(report(2));
    await writeFile(`${path}.part`, '{"failovers":[{"epo');
    expect(epochs(await openReports(path, silentLog))).toEqual([2]);
  });

  test('reports of a newer agent are read, without what only that one knows', async () => {
    await writeFile(path, JSON.stringify({ failovers: [{ ...report(2), newer: true }], newer: true }));
    expect((await openReports(path, silentLog)).entries).toEqual([report(2)]);
  });

  for (const [what, text] of [
    ['no JSON', '{"failovers":[{'],
    ['a report without an epoch', JSON.stringify({ failovers: [{ ...report(2), epoch: undefined }] })],
    ['nothing at all', ''],
  ] as const) {
    test(`a file that holds ${what} is set aside and said so; the member starts`, async () => {
      await writeFile(path, text);
      const told: string[] = [];
      const log = { ...silentLog, warn: (_: object, message: string) => void told.push(message) };
      const file = await openReports(path, log);
      expect(epochs(file)).toEqual([]);
      expect(told).toEqual(['the history of take-overs is damaged and was set aside']);
      expect(await readFile(`${path}.damaged`, 'utf8')).toBe(text);
      await file.add(report(5));
      expect(epochs(await openReports(path, log))).toEqual([5]);
    });
  }
});
