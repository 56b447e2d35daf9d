import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import type { HallControl, HallEvent } from './contract.ts';
import { followControl } from './control.ts';

test('a control line that is too long is refused as a whole, and the next one is obeyed', async () => {
  const obeyed: HallControl[] = [];
  const told: HallEvent[] = [];
  // Cut at the limit this would be a good order.
  const long = `{"do":"lead","epoch":7}${' '.repeat(5_000)}x`;
  const input = Readable.from([`${long}\n{"do":"follow"}\n`]);
  await followControl(
    input,
    (order) => obeyed.push(order),
    (event) => told.push(event),
  );
  expect(obeyed).toEqual([{ do: 'follow' }]);
  expect(told).toEqual([{ event: 'refused', why: expect.stringContaining('at most 4096') as string }]);
});
