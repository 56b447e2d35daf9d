/** Where the demo shows itself: lines that stay, and below them, on a terminal, a block that is drawn anew. */
export interface Screen {
  readonly isLive: boolean;
  /** Adds a line that stays. */
  line(text?: string): void;
  /** Replaces the block. Without a terminal it is not shown. */
  live(lines: readonly string[]): void;
}

export interface Terminal {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

const columnsFallback = 80;
const hideCursor = '\u001B[?25l';
const showCursor = '\u001B[?25h';

export function openScreen(terminal: Terminal): Screen & Disposable {
  if (terminal.isTTY !== true) {
    const line = (text = ''): void => void terminal.write(`${text}\n`);
    return { isLive: false, line, live: () => undefined, [Symbol.dispose]: () => undefined };
  }
  let block: readonly string[] = [];
  // Up to the first line of the block, and everything from there on away.
  const erase = (): string => (block.length === 0 ? '' : `\u001B[${block.length}A\r\u001B[J`);
  const draw = (before: string, lines: readonly string[]): void => {
    const width = (terminal.columns ?? columnsFallback) - 1;
    const shown = lines.map((line) => line.slice(0, width));
    terminal.write(`${erase()}${before}${shown.map((line) => `${line}\n`).join('')}`);
    block = shown;
  };
  terminal.write(hideCursor);
  return {
    isLive: true,
    line: (text = '') => draw(`${text}\n`, block),
    live: (lines) => draw('', lines),
    [Symbol.dispose]: () => {
      draw('', []);
      terminal.write(showCursor);
    },
  };
}
