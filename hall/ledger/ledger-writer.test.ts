import { expect, test } from 'vitest';
import type { Clock } from '#lib/base/clock.ts';
import { silentLog } from '#lib/base/log.ts';
import type { Logger } from '#lib/base/log.ts';
import { seededRandom } from '#lib/base/random.ts';
import { hallErrors } from '../errors.ts';
import type { LedgerSession } from './ledger-session.ts';
import { LedgerWriter } from './ledger-writer.ts';

test('why the ledger is away is told once, and again when the reason is another one', async () => {
  const reasons = ['no such socket', 'no such socket', 'in recovery', 'in recovery', 'no such socket'];
  const stop = new AbortController();
  let nowMs = 0;
  const clock: Clock = {
    nowMs: () => nowMs,
    wallMs: () => 0,
    sleep: (ms) => {
      nowMs += ms;
      return Promise.resolve();
    },
  };
  const told: string[] = [];
  const logged: unknown[] = [];
  const log: Logger = { ...silentLog, warn: ({ why }) => logged.push(why) };
  const broken = { isBroken: true, destroy: () => undefined } as unknown as LedgerSession;
  const writer = new LedgerWriter(
    broken,
    { epoch: 1n, member: 'a', feedNumber: 0n },
    {
      open: () => {
        const reason = reasons.shift();
        if (reason === undefined) stop.abort(new Error('the test is over'));
        return Promise.reject(hallErrors.HK_LEDGER_AWAY(reason));
      },
      clock,
      random: seededRandom(1),
      log,
      onCommitted: () => undefined,
      onRefused: () => undefined,
      onLedger: (state, why) => told.push(`${state}: ${why}`),
      onFalseAck: () => undefined,
      onCommitMs: () => undefined,
    },
  );
  writer.put([], { fromMs: 0, toMs: 1 });
  await writer.run(stop.signal);
  const away = ['no such socket', 'in recovery', 'no such socket'].map((reason) => `the ledger cannot be reached: ${reason}`);
  expect(logged).toEqual(away);
  expect(told).toEqual(away.map((why) => `away: ${why}`));
});
