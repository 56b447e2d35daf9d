import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseHallEvent } from '#hall/contract.ts';
import type { HallControl, HallEvent, HallServerSettings } from '#hall/contract.ts';
import { eventually } from '../cluster/eventually.ts';
import { hall, pairUid, trustDomain } from './link-certificates.ts';
import type { LinkCertificates } from './link-certificates.ts';
import type { PlainPostgres } from './plain-postgres.ts';

/** A hall server as the member agent runs it: a child with control lines. */
export interface HallProcess extends AsyncDisposable {
  readonly port: number;
  readonly metricsPort: number;
  readonly events: readonly HallEvent[];
  control(order: HallControl | string): void;
  /** Waits for an event that came after the last one waited for. */
  untilEvent(name: HallEvent['event']): Promise<HallEvent>;
  /** Ends its standard input, as the agent's death does. @returns the exit code. */
  endInput(): Promise<number | null>;
  kill(): Promise<void>;
}

const waitMaxMs = 60_000;

/** @param listenPort  0: any. */
export async function startHallProcess(
  folder: string,
  member: string,
  certificates: LinkCertificates,
  postgres: Pick<PlainPostgres, 'ledger'>,
  listenPort = 0,
): Promise<HallProcess> {
  return startHall(folder, {
    hall,
    trustDomain,
    pair: { uid: pairUid },
    member,
    listen: { address: '127.0.0.1', port: listenPort },
    tls: await certificates.memberFiles(join(folder, member), member),
    postgresql: postgres.ledger,
    metrics: { address: '127.0.0.1', port: 0 },
  });
}

/** The same with whatever settings. */
export async function startHall(folder: string, settings: HallServerSettings): Promise<HallProcess> {
  const { member } = settings;
  const file = join(folder, `${member}.json`);
  await writeFile(file, JSON.stringify(settings));
  const main = new URL('../../hall/main.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, [main, '--config', file], { stdio: ['pipe', 'pipe', 'pipe'] });
  const exited = once(child, 'exit') as Promise<[number | null]>;
  child.stdin.on('error', () => undefined);
  const log: string[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => log.push(line));
  const events: HallEvent[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => {
    const event = parseHallEvent(line);
    if (event !== undefined) events.push(event);
  });
  let seen = 0;
  const untilEvent = async (name: HallEvent['event']): Promise<HallEvent> => {
    const find = (): number => events.findIndex((event, index) => index >= seen && event.event === name);
    try {
      await eventually(`the hall server ${member} says ${name}`, () => find() >= 0 || child.exitCode !== null, { maxMs: waitMaxMs });
      if (find() < 0) throw new Error('it ended before');
    } catch (error) {
      throw new Error(`no event ${name} from ${member}; events: ${JSON.stringify(events)}; log: ${log.slice(-5).join('\n')}`, {
        cause: error,
      });
    }
    seen = find() + 1;
    return events[seen - 1] as HallEvent;
  };
  const kill = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    await exited;
  };
  const listening = await untilEvent('listening');
  if (listening.event !== 'listening') throw new Error('the hall server does not listen');
  return {
    port: listening.port,
    metricsPort: listening.metricsPort ?? 0,
    events,
    control: (order) => void child.stdin.write(`${typeof order === 'string' ? order : JSON.stringify(order)}\n`),
    untilEvent,
    endInput: async () => {
      child.stdin.end();
      const [code] = await exited;
      return code;
    },
    kill,
    [Symbol.asyncDispose]: kill,
  };
}
