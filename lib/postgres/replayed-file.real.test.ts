import { expect, test } from 'vitest';
import { eventually } from '#test/cluster/eventually.ts';
import { joinSecond, realPair, soon, startFirst } from './testing/real-pair.ts';

const waits = { maxMs: 60_000 } as const;
const segmentBytes = 16n * 1024n * 1024n;

test('the process table tells which file of the log a standby replays, without a session', async () => {
  await using pair = await realPair();
  const { a, b } = pair;
  await startFirst(pair);
  expect(await a.replayedFile(soon())).toBeUndefined();
  await joinSecond(pair);
  // Until the stream stands it waits for the file.
  const first = await eventually('the standby replays what it receives', async () => (await b.replayedFile(soon())) ?? false, waits);
  const replayed = (await b.status(b.openLine('control'), soon())).replayLsn ?? 0n;
  expect(first).toBe(replayed - (replayed % segmentBytes));

  const line = a.openLine('client');
  await line.query('SELECT pg_switch_wal()', [], soon());
  await a.commitLocal(line, soon());
  const follows = async (): Promise<boolean> => (await b.replayedFile(soon())) === first + segmentBytes;
  await eventually('the standby replays the next file', follows, waits);
  await b.stop(soon());
  expect(await b.replayedFile(soon())).toBeUndefined();
}, 120_000);
