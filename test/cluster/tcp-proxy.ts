import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';

/** Bytes held back of one direction; more than a test ever sends. */
const heldMax = 1_048_576;

type Direction = 'there' | 'back';

/** Stands between a client and a server, and can keep what one of them says to itself. */
export class TcpProxy implements AsyncDisposable {
  readonly port: number;
  readonly #server: Server;
  readonly #lines = new Set<Line>();
  readonly #holding = new Set<Direction>();

  private constructor(server: Server, target: { readonly host: string; readonly port: number }) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    server.on('connection', (client) => {
      const line = new Line(client, connect(target), this.#holding);
      this.#lines.add(line);
      line.ended.then(
        () => this.#lines.delete(line),
        () => undefined,
      );
    });
  }

  static async open(target: { readonly host: string; readonly port: number }): Promise<TcpProxy> {
    const server = createServer({ allowHalfOpen: true });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new TcpProxy(server, target);
  }

  /** From now on what goes in this direction waits here. Connections stay, new ones are accepted. */
  hold(direction: Direction): void {
    this.#holding.add(direction);
  }

  /** Bytes that wait. */
  held(direction: Direction): number {
    return [...this.#lines].reduce((sum, line) => sum + line.held[direction].reduce((bytes, chunk) => bytes + chunk.length, 0), 0);
  }

  /** What waits for the server is all it will ever hear from these clients: they may go on to say, or to end, what they like. */
  seal(): void {
    for (const line of this.#lines) line.seal();
  }

  /** Hands on what waits, and whatever comes. */
  release(direction: Direction): void {
    this.#holding.delete(direction);
    for (const line of this.#lines) line.release(direction);
  }

  /** Bytes that servers said to clients which were sealed: they have carried out what they were sent. */
  get answeredAfterSeal(): number {
    return [...this.#lines].reduce((sum, line) => sum + line.answeredAfterSeal, 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const line of this.#lines) line.end();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

class Line {
  readonly held: Record<Direction, Buffer[]> = { there: [], back: [] };
  readonly ended: Promise<unknown>;
  answeredAfterSeal = 0;
  readonly #client: Socket;
  readonly #server: Socket;
  #sealed = false;

  constructor(client: Socket, server: Socket, holding: ReadonlySet<Direction>) {
    this.#client = client;
    this.#server = server;
    this.ended = Promise.all([once(client, 'close'), once(server, 'close')]);
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      socket.on('error', () => undefined);
    }
    client.on('data', (chunk: Buffer) => {
      if (this.#sealed) return;
      if (holding.has('there')) this.#keep('there', chunk);
      else server.write(chunk);
    });
    server.on('data', (chunk: Buffer) => {
      if (this.#sealed) this.answeredAfterSeal += chunk.length;
      else if (holding.has('back')) this.#keep('back', chunk);
      else client.write(chunk);
    });
    client.once('close', () => void (this.#sealed || server.destroy()));
    client.once('end', () => void (this.#sealed || server.end()));
    server.once('close', () => client.destroy());
  }

  #keep(direction: Direction, chunk: Buffer): void {
    const waiting = this.held[direction];
    if (waiting.reduce((bytes, each) => bytes + each.length, chunk.length) > heldMax) this.end();
    else waiting.push(chunk);
  }

  seal(): void {
    if (this.held.there.length > 0) this.#sealed = true;
  }

  release(direction: Direction): void {
    const to = direction === 'there' ? this.#server : this.#client;
    for (const chunk of this.held[direction].splice(0)) to.write(chunk);
  }

  end(): void {
    this.#client.destroy();
    this.#server.destroy();
  }
}
