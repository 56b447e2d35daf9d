import { slackBytes, viewOf } from './bytes.ts';

/** Size of the chunks of an exposition, in bytes. Only a single object whose lines do not fit makes a larger one. */
export const chunkBytes = 65_536;

/**
 * Collects the bytes of one chunk. Writers put bytes straight into `bytes` (or `view`, the same memory) from `at` on, after `fits`
 * said that there is room: a call for every few bytes would cost more than the bytes.
 */
export class ChunkWriter {
  bytes: Uint8Array = Buffer.allocUnsafeSlow(chunkBytes + slackBytes);
  view: DataView = viewOf(this.bytes);
  at = 0;

  /** Whether `need` more bytes fit. An empty chunk grows to fit them, so that progress is certain. */
  fits(need: number): boolean {
    if (this.at + need + slackBytes <= this.bytes.length) return true;
    if (this.at > 0) return false;
    this.bytes = Buffer.allocUnsafeSlow(need + slackBytes);
    this.view = viewOf(this.bytes);
    return true;
  }

  /** What was written, and a new beginning in the same memory: the chunk is valid until more is written. */
  take(): Uint8Array {
    const chunk = this.bytes.subarray(0, this.at);
    this.at = 0;
    return chunk;
  }

  /** Writes a whole text of few bytes; the caller has asked `fits(Buffer.byteLength(text))`. */
  text(text: string): void {
    this.at += Buffer.from(this.bytes.buffer, this.bytes.byteOffset, this.bytes.length).write(text, this.at);
  }
}
