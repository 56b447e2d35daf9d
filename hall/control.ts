import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { messageOf } from '#lib/base/errors.ts';
import { parseHallControl } from './contract.ts';
import type { HallControl, HallEvent } from './contract.ts';

/** Longest control line that is read; a longer one is refused. */
const lineMax = 4_096;

/**
 * Obeys control lines until the input ends.
 *
 * @param obey  Called for each good line, in order.
 * @param tell  Told why a line was refused.
 */
export async function followControl(
  input: Readable,
  obey: (control: HallControl) => void,
  tell: (event: HallEvent) => void,
): Promise<void> {
  for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
    if (line.trim() === '') continue;
    if (line.length > lineMax) {
      tell({ event: 'refused', why: `a control line has at most ${lineMax} characters, this one has ${line.length}` });
      continue;
    }
    try {
      obey(parseHallControl(line));
    } catch (error) {
      tell({ event: 'refused', why: messageOf(error) });
    }
  }
}
