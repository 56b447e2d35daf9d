import { spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { readFields } from '#lib/base/fields.ts';
import type { Network } from '#test/cluster/network.ts';
import { systemProgram } from '#test/cluster/programs.ts';
import { ourPrograms } from './programs.ts';

/** What the program that runs the terminals says of them. */
export interface FleetStatus {
  readonly total: number;
  readonly online: number;
  /** Terminals by the member that serves them. */
  readonly members: Readonly<Record<string, number>>;
  readonly roundTripSeconds: number | undefined;
  /** From the first loss until all were back, the last time; undefined while it lasts and before. */
  readonly reconnectedSeconds: number | undefined;
}

/** What a terminal gets from its Secret. */
export interface TerminalCredentials {
  readonly name: string;
  readonly certificate: string;
  readonly key: string;
}

const askMaxMs = 5_000;
const stopMaxMs = 5_000;

/** All terminals of the hall in one process, each with its own certificate. */
export class TerminalFleet implements AsyncDisposable {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: AsyncIterator<string>;
  #asking: Promise<unknown> = Promise.resolve();

  private constructor(child: ChildProcessByStdio<Writable, Readable, null>) {
    this.#child = child;
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    child.stdin.on('error', () => undefined);
  }

  /** @param connection  What `connection.json` of any of the Secrets says; only the terminal differs. */
  static async start(
    directory: string,
    network: Network,
    wish: {
      readonly connection: Readonly<Record<string, unknown>>;
      readonly trust: string;
      readonly terminals: readonly TerminalCredentials[];
    },
  ): Promise<TerminalFleet> {
    const certificateDirectory = join(directory, 'certificates');
    await mkdir(certificateDirectory, { recursive: true });
    for (const { name, certificate, key } of wish.terminals) {
      await writeFile(join(certificateDirectory, `${name}.crt`), certificate);
      await writeFile(join(certificateDirectory, `${name}.key`), key, { mode: 0o600 });
    }
    const pairCaFile = join(directory, 'pair-ca.crt');
    await writeFile(pairCaFile, wish.trust);
    const { terminal: _one, ...connection } = wish.connection;
    const config = join(directory, 'terminals.json');
    const names = wish.terminals.map(({ name }) => name);
    await writeFile(config, JSON.stringify({ ...connection, pairCaFile, certificateDirectory, terminals: names }, null, 2));
    const log = await open(join(directory, 'terminals.log'), 'a');
    const inside = [systemProgram('setpriv'), '--pdeathsig', 'KILL', process.execPath, ourPrograms.terminals, '--config', config];
    const [command = '', ...args] = [...network.enter, ...inside];
    // A process group of its own, as every other part: Ctrl-C reaches us alone.
    const child = spawn(command, args, { stdio: ['pipe', 'pipe', log.fd], detached: true }) as ChildProcessByStdio<
      Writable,
      Readable,
      null
    >;
    await log.close();
    child.once('error', () => undefined);
    return new TerminalFleet(child);
  }

  /** @throws when the program does not answer. */
  status(): Promise<FleetStatus> {
    const asked = this.#asking.catch(() => undefined).then(() => this.#ask());
    this.#asking = asked;
    return asked;
  }

  async #ask(): Promise<FleetStatus> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) throw new Error('the program of the terminals has ended');
    this.#child.stdin.write('status\n');
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => late.reject(new Error('the program of the terminals does not answer')), askMaxMs);
    try {
      const line = await Promise.race([this.#lines.next(), late.promise]);
      if (line.done === true) throw new Error('the program of the terminals has ended');
      return parseStatus(JSON.parse(line.value));
    } finally {
      clearTimeout(timer);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { exitCode, signalCode, pid } = this.#child;
    if (exitCode !== null || signalCode !== null || pid === undefined) return;
    const gone = once(this.#child, 'exit');
    this.#child.stdin.end();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), stopMaxMs);
    await gone;
    clearTimeout(timer);
  }
}

function parseStatus(raw: unknown): FleetStatus {
  const field = readFields(raw);
  const whole = { min: 0, max: 1_000_000 } as const;
  const { members, roundTripSeconds, reconnectedSeconds } = raw as {
    readonly members: Readonly<Record<string, number>>;
    readonly roundTripSeconds: { readonly median: number } | null;
    readonly reconnectedSeconds: number | null;
  };
  return {
    total: field.wholeNumber('total', whole),
    online: field.wholeNumber('online', whole),
    members,
    roundTripSeconds: roundTripSeconds?.median,
    reconnectedSeconds: reconnectedSeconds ?? undefined,
  };
}
