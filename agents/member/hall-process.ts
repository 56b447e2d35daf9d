import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Clock } from '#lib/base/clock.ts';
import { messageOf } from '#lib/base/errors.ts';
import type { Logger } from '#lib/base/log.ts';
import { parseHallEvent } from '#hall/contract.ts';
import type { HallControl, HallEvent } from '#hall/contract.ts';

export interface HallProcessPorts {
  readonly command: readonly [string, ...string[]];
  /** Owner of the process when the agent runs as root. */
  readonly account: { readonly uid: number; readonly gid: number } | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  readonly heard: (event: HallEvent) => void;
}

/** Between two starts of a hall server that ends by itself. */
const restartMs = 500;
const stopMaxMs = 2_000;

/**
 * The hall server beside this member: kept running, warm on the standby, told to lead or to follow. It ends with its standard input,
 * so it never outlives the agent that answers for it.
 */
export class HallProcess {
  readonly #ports: HallProcessPorts;
  #child: ChildProcess | undefined;
  #order: HallControl = { do: 'follow' };

  constructor(ports: HallProcessPorts) {
    this.#ports = ports;
  }

  /** Says it once, and again to every new process. */
  order(order: HallControl): void {
    this.#order = order;
    this.#tell();
  }

  /** Keeps one process running until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#ports;
    while (!signal.aborted) {
      try {
        await this.#once(signal);
        if (!signal.aborted) log.warn({}, 'the hall server ended and is started again');
      } catch (error) {
        log.error({ error: messageOf(error) }, 'the hall server did not start');
      }
      await clock.sleep(restartMs, signal).catch(() => undefined);
    }
  }

  async #once(signal: AbortSignal): Promise<void> {
    const { command, account, log, heard, clock } = this.#ports;
    const [file, ...args] = command;
    const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'], ...account });
    this.#child = child;
    child.stdin.on('error', () => undefined);
    createInterface({ input: child.stdout }).on('line', (line) => {
      try {
        const event = parseHallEvent(line);
        if (event !== undefined) heard(event);
      } catch (error) {
        log.warn({ error: messageOf(error) }, 'a line of the hall server was not understood');
      }
    });
    const ended = new Promise<void>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', () => resolve());
    });
    const stop = (): void => {
      child.stdin.end();
      void clock.sleep(stopMaxMs).then(() => child.exitCode === null && child.kill('SIGKILL'));
    };
    signal.addEventListener('abort', stop, { once: true });
    this.#tell();
    try {
      await ended;
    } finally {
      signal.removeEventListener('abort', stop);
      this.#child = undefined;
    }
  }

  #tell(): void {
    this.#child?.stdin?.write(`${JSON.stringify(this.#order)}\n`);
  }
}
