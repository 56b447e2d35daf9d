import { describe, expect, test } from 'vitest';
import { SimulatedClock } from '#lib/kube/testing/simulated-clock.ts';
import { askEndpoints } from './ask-endpoints.ts';
import type { Attempt } from './ask-endpoints.ts';

/** How one endpoint behaves: what it says and after how long; one that says nothing ends when it is told to. */
interface Endpoint {
  readonly afterMs: number;
  readonly says?: Attempt<string>;
}

const answers = (answer: string, afterMs = 10): Endpoint => ({ afterMs, says: { is: 'answered', answer } });
const fails = (carriedOut: 'no' | 'maybe', why: string, afterMs = 10): Endpoint => ({ afterMs, says: { is: 'failed', carriedOut, why } });
const hangs: Endpoint = { afterMs: Infinity };

async function ask(
  endpoints: readonly Endpoint[],
  stopAtMs?: number,
): Promise<{ readonly outcome: unknown; readonly asked: readonly number[]; readonly tookMs: number }> {
  const clock = new SimulatedClock();
  const began = clock.nowMs();
  const asked: number[] = [];
  const stop = new AbortController();
  if (stopAtMs !== undefined) void clock.sleep(stopAtMs).then(() => stop.abort(new Error('stopped')));
  const attempt = async ({ afterMs, says }: Endpoint, signal: AbortSignal): Promise<Attempt<string>> => {
    asked.push(Math.round(clock.nowMs() - began));
    await clock.sleep(Number.isFinite(afterMs) ? afterMs : 1_000_000, signal).catch(() => undefined);
    return signal.aborted || says === undefined ? { is: 'failed', carriedOut: 'maybe', why: 'given up' } : says;
  };
  const asking = askEndpoints(endpoints, attempt, { clock, nextAfterMs: 150, maxMs: 1_000 }, stop.signal);
  const state = { over: false };
  void asking.finally(() => (state.over = true));
  for (let turn = 0; !state.over && turn < 2_000; turn += 1) await clock.advance(1);
  return { outcome: await asking, asked, tookMs: Math.round(clock.nowMs() - began) };
}

describe('asking the endpoints of one etcd', () => {
  test('the first that answers is enough', async () => {
    expect(await ask([answers('one'), answers('two')])).toMatchObject({ outcome: { is: 'answered', answer: 'one', index: 0 }, asked: [0] });
  });

  test('after a failure the next is asked at once', async () => {
    const { outcome, asked } = await ask([fails('no', 'refused', 5), answers('two')]);
    expect(outcome).toMatchObject({ is: 'answered', answer: 'two', index: 1 });
    expect(asked[1]).toBeLessThan(20);
  });

  test('beside one that hangs the next is asked after a while', async () => {
    const { outcome, asked } = await ask([hangs, hangs, answers('three')]);
    expect(outcome).toMatchObject({ is: 'answered', answer: 'three', index: 2 });
    expect(asked[1]).toBeGreaterThanOrEqual(150);
    expect(asked[2]).toBeGreaterThanOrEqual(300);
  });

  test('a slow answer of the first still counts', async () => {
    expect((await ask([answers('one', 200), hangs])).outcome).toMatchObject({ answer: 'one', index: 0 });
  });

  test('when all fail every reason is told, and one that may have been carried out is enough for maybe', async () => {
    expect((await ask([fails('no', 'refused'), fails('no', 'denied')])).outcome).toEqual({
      is: 'failed',
      carriedOut: 'no',
      why: 'refused; denied',
    });
    expect((await ask([fails('maybe', 'cut'), fails('no', 'denied')])).outcome).toMatchObject({ carriedOut: 'maybe' });
  });

  test('when all hang it ends in time', async () => {
    const { outcome, tookMs } = await ask([hangs, hangs]);
    expect(outcome).toMatchObject({ is: 'failed', carriedOut: 'maybe' });
    expect(tookMs).toBeLessThan(1_100);
  });

  test('when it is told to stop it stops, and asks nobody else', async () => {
    const { outcome, asked, tookMs } = await ask([hangs, answers('two')], 50);
    expect(outcome).toMatchObject({ is: 'failed' });
    expect(asked).toEqual([0]);
    expect(tookMs).toBeLessThan(100);
  });
});
