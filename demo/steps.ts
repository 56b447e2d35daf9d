import type { Screen } from './screen.ts';

const drawEveryMs = 200;

/** Shows what is being started, and how long it took. */
export class Steps implements Disposable {
  readonly #screen: Screen;
  readonly #signal: AbortSignal;
  readonly #running = new Map<string, number>();
  readonly #timer: NodeJS.Timeout;

  constructor(screen: Screen, signal: AbortSignal) {
    this.#screen = screen;
    this.#signal = signal;
    this.#timer = setInterval(() => this.#draw(), drawEveryMs);
  }

  /** Runs one step; none begins any more when the signal has aborted. */
  async run<T>(title: string, step: () => Promise<T>): Promise<T> {
    this.#signal.throwIfAborted();
    const startMs = performance.now();
    this.#running.set(title, startMs);
    this.#draw();
    try {
      const result = await step();
      this.#running.delete(title);
      this.#screen.line(`  ✔ ${title.padEnd(titleWidth)} ${secondsText(performance.now() - startMs).padStart(7)}`);
      return result;
    } finally {
      this.#running.delete(title);
      this.#draw();
    }
  }

  /** Adds a line that stays. */
  note(text: string): void {
    this.#screen.line(text);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#screen.live([]);
  }

  #draw(): void {
    const nowMs = performance.now();
    const lines = [...this.#running].map(
      ([title, sinceMs]) => `  … ${title.padEnd(titleWidth)} ${secondsText(nowMs - sinceMs).padStart(7)}`,
    );
    this.#screen.live(lines);
  }
}

const titleWidth = 72;
const secondsText = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;

/** Waits for all, also when one fails, so that nothing is still being started when things are taken down. Throws the first failure. */
export async function allSettled<T extends readonly unknown[] | []>(promises: T): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  await Promise.allSettled(promises);
  return Promise.all(promises);
}
