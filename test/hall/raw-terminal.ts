import { randomBytes } from 'node:crypto';
import type { ChannelCredentials, ServiceError } from '@grpc/grpc-js';
import { clientChannelOptions } from '#lib/link/limits.ts';
import { Heartbeat, TerminalLinkClient } from '#lib/link/gen/hallkeeper/v1/terminal_link.ts';
import type { Down, Hello, Up } from '#lib/link/gen/hallkeeper/v1/terminal_link.ts';
import { eventually } from '../cluster/eventually.ts';
import { hall } from './link-certificates.ts';

export type DownCase = NonNullable<Down['body']>['$case'];

/** A terminal that says exactly what a test wants. */
export interface RawTerminal extends Disposable {
  readonly downs: readonly Down[];
  readonly ended: ServiceError | undefined;
  send(body: NonNullable<Up['body']>): void;
  hello(wish?: Partial<Hello>): void;
  beat(wish?: Partial<Heartbeat>): void;
  /** The next message of this kind that has not been asked for yet. */
  until(kind: DownCase): Promise<Down>;
  untilEnd(): Promise<ServiceError>;
}

const waitMaxMs = 30_000;

export function rawTerminal(port: number, credentials: ChannelCredentials, name: string): RawTerminal {
  const client = new TerminalLinkClient(`ipv4:127.0.0.1:${port}`, credentials, clientChannelOptions);
  const stream = client.attach();
  const downs: Down[] = [];
  const runId = randomBytes(16);
  let ended: ServiceError | undefined;
  let sequence = 0n;
  let seen = 0;
  stream.on('data', (down: Down) => downs.push(down));
  stream.on('error', (error: ServiceError) => (ended = error));
  const send: RawTerminal['send'] = (body) => void stream.write({ body });
  return {
    downs,
    get ended() {
      return ended;
    },
    send,
    hello: (wish = {}) => {
      const hello = { hall, terminal: name, runId, agentVersion: '0.1.0', highestEpoch: 0n, ...wish };
      send({ $case: 'hello', value: hello });
    },
    beat: (wish = {}) => {
      sequence += 1n;
      const base = Heartbeat.fromPartial({ sequence, wallUnixMs: BigInt(Date.now()), uptimeMs: 1_000n });
      send({ $case: 'heartbeat', value: { ...base, ...wish } });
    },
    until: async (kind) => {
      const find = (): number => downs.findIndex(({ body }, index) => index >= seen && body?.$case === kind);
      await eventually(`${name} is told ${kind}`, () => find() >= 0 || ended !== undefined, { maxMs: waitMaxMs, everyMs: 10 });
      if (find() < 0) throw new Error(`${name} was never told ${kind}; its stream ended`, { cause: ended });
      seen = find() + 1;
      return downs[seen - 1] as Down;
    },
    untilEnd: () => eventually(`the stream of ${name} ends`, () => ended, { maxMs: waitMaxMs, everyMs: 10 }),
    [Symbol.dispose]: () => {
      stream.on('error', () => undefined);
      stream.cancel();
      client.close();
    },
  };
}
