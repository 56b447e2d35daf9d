/**
 * Cuts a byte stream into lines: UTF-8 is decoded across chunk borders, and a line may come in any number of chunks.
 * Empty lines are dropped. A line longer than `charsMax` throws RangeError, so that a server cannot fill our memory.
 */
export class LineSplitter {
  readonly #decoder = new TextDecoder('utf-8', { fatal: true });
  readonly #charsMax: number;
  #pieces: string[] = [];
  #chars = 0;

  constructor(charsMax: number) {
    this.#charsMax = charsMax;
  }

  /** The lines that this chunk completes. @throws RangeError, TypeError when the bytes are not UTF-8. */
  push(chunk: Uint8Array): string[] {
    const lines: string[] = [];
    const text = this.#decoder.decode(chunk, { stream: true });
    let from = 0;
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', from)) {
      this.#keep(text.slice(from, end));
      const line = this.#pieces.join('');
      if (line !== '') lines.push(line);
      this.#pieces = [];
      this.#chars = 0;
      from = end + 1;
    }
    this.#keep(text.slice(from));
    return lines;
  }

  /** Whether the stream stopped inside a line. */
  get isOpen(): boolean {
    return this.#chars > 0;
  }

  #keep(piece: string): void {
    if (piece === '') return;
    this.#chars += piece.length;
    if (this.#chars > this.#charsMax) throw new RangeError(`a line is longer than ${this.#charsMax} characters`);
    this.#pieces.push(piece);
  }
}
