import { describe, expect, test } from 'vitest';
import { systemClock } from '#lib/base/system-clock.ts';
import type { Gate, SqlLine, StatusSnapshot } from '#lib/postgres/instance.ts';
import { applicationNameOf } from '#lib/postgres/names.ts';
import { admit } from './act-admit.ts';
import type { AdmissionLane } from './act-admit.ts';

const line: SqlLine = {
  query: () => Promise.resolve({ rows: [], notices: [] }),
  repeat: () => Promise.resolve({ rows: [], notices: [] }),
  backendPid: () => 1,
  close: () => Promise.resolve(),
};
const settledMs = 100;

/** A primary at position 100, whose standby's position is asked for each look. Notes each gate in the order of the calls. */
function lane(
  peerFlush: (gates: readonly Gate[]) => bigint,
  { state = 'streaming', bites = true } = {},
): AdmissionLane & { gates: Gate[] } {
  const gates: Gate[] = [];
  return {
    gates,
    peer: 'b',
    clock: systemClock,
    control: line,
    waiting: line,
    instance: {
      setGate: (gate) => Promise.resolve(void gates.push(gate)),
      checkpointerRests: () => Promise.resolve(),
      provesClosed: () => Promise.resolve(bites),
      status: () => {
        const peers = [{ applicationName: applicationNameOf('b'), state, flushLsn: peerFlush(gates) }];
        return Promise.resolve({ flushLsn: 100n, peers } as unknown as StatusSnapshot);
      },
    },
  };
}

describe('admitting the standby', () => {
  test('goes by the closed gate to the name of the peer', async () => {
    const well = lane(() => 100n);
    await admit(well, AbortSignal.timeout(10_000));
    expect(well.gates).toEqual(['closed', 'peer']);
  });

  test('makes no commit wait for a standby that is shown streaming and stands still', async () => {
    const still = lane(() => 99n);
    await expect(admit(still, AbortSignal.timeout(settledMs))).rejects.toThrow(/abort/);
    expect(still.gates).toEqual([]);
  });

  test('waits until the standby, a little behind at first, has everything', async () => {
    let looks = 0n;
    const behind = lane(() => 90n + (looks += 1n));
    await admit(behind, AbortSignal.timeout(10_000));
    expect(behind.gates).toEqual(['closed', 'peer']);
  });

  test('is over when the stream ends, and when the standby stands still after all', async () => {
    await expect(
      admit(
        lane(() => 100n, { state: 'catchup' }),
        AbortSignal.timeout(10_000),
      ),
    ).rejects.toMatchObject({
      code: 'HK_MEMBER_ADMISSION',
    });
    const later = lane((gates) => (gates.length < 2 ? 100n : 99n));
    await expect(admit(later, AbortSignal.timeout(settledMs))).rejects.toThrow(/abort/);
  });

  test('is over when a commit passes the closed gate', async () => {
    const leaky = lane(() => 100n, { bites: false });
    await expect(admit(leaky, AbortSignal.timeout(10_000))).rejects.toMatchObject({ code: 'HK_MEMBER_ADMISSION' });
    expect(leaky.gates).toEqual(['closed']);
  });
});
