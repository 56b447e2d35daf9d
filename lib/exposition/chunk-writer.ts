/** Size of the chunks of an exposition, in bytes. Only a single object whose lines do not fit makes a larger one. */
export const chunkBytes = 65_536;

/**
 * Collects the bytes of one chunk. Writers put bytes straight into `bytes` from `at` on, after `fits` said that there is room:
 * a call for every few bytes would cost more than the bytes.
 */
export class ChunkWriter {
  bytes: Uint8Array = Buffer.allocUnsafeSlow(chunkBytes);
  at = 0;

  /** Whether `need` more bytes fit. An empty chunk grows to fit them, so that progress is certain. */
  fits(need: number): boolean {
    if (this.at + need <= this.bytes.length) return true;
    if (this.at > 0) return false;
    this.bytes = Buffer.allocUnsafeSlow(need);
    return true;
  }

  /** Hands out what was written and begins anew. The chunk is never touched again. */
  take(): Uint8Array {
    const chunk = this.bytes.subarray(0, this.at);
    this.bytes = Buffer.allocUnsafeSlow(chunkBytes);
    this.at = 0;
    return chunk;
  }

  /** Writes a whole text of few bytes; the caller has asked `fits(Buffer.byteLength(text))`. */
  text(text: string): void {
    this.at += Buffer.from(this.bytes.buffer, this.bytes.byteOffset, this.bytes.length).write(text, this.at);
  }
}
