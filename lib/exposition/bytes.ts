/** Bytes that are copied often, with a view of them. Behind `length` there are at least `slackBytes` more that mean nothing. */
export interface PaddedBytes {
  readonly view: DataView;
  readonly length: number;
}

/** `copyBytes` moves four bytes at a time and so reads and writes up to three behind the end. */
export const slackBytes = 4;

export function paddedBytes(text: string): PaddedBytes {
  const length = Buffer.byteLength(text);
  const bytes = Buffer.alloc(length + slackBytes);
  bytes.write(text);
  return { view: viewOf(bytes), length };
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/**
 * Copies the bytes of `source` from `start` to `end` to `at` and returns the place behind them. Up to three bytes behind that place
 * are overwritten with anything: whatever comes next is written over them.
 *
 * A call into the engine costs more than a label has bytes, and a loop over single bytes three times as much as this one.
 */
export function copyBytes(source: DataView, start: number, end: number, target: DataView, at: number): number {
  const stop = at + end - start;
  for (let from = start, to = at; to < stop; from += 4, to += 4) target.setInt32(to, source.getInt32(from, true), true);
  return stop;
}
