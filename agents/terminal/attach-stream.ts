import type { ChannelCredentials, ClientDuplexStream, ServiceError } from '@grpc/grpc-js';
import { targetOf } from '#lib/link/endpoint.ts';
import type { Endpoint } from '#lib/link/endpoint.ts';
import { TerminalLinkClient } from '#lib/link/gen/hallkeeper/v1/terminal_link.ts';
import type { Down, Up } from '#lib/link/gen/hallkeeper/v1/terminal_link.ts';
import { clientChannelOptions, terminalMessageBytesMax } from '#lib/link/limits.ts';

/** Answers that nobody has taken; a server sends far fewer in a second. At the bound the stream is given up. */
const untakenMax = 256;

/** One connection to one member with its one stream. Messages wait in order until they are taken. */
export class AttachStream {
  readonly endpoint: Endpoint;
  readonly #client: TerminalLinkClient;
  readonly #stream: ClientDuplexStream<Up, Down>;
  readonly #downs: Down[] = [];
  #error: ServiceError | Error | undefined;
  #isClosed = false;
  #wake: (() => void) | undefined;

  constructor(endpoint: Endpoint, credentials: ChannelCredentials) {
    this.endpoint = endpoint;
    const options = {
      ...clientChannelOptions,
      'grpc.max_receive_message_length': terminalMessageBytesMax,
      'grpc.max_send_message_length': terminalMessageBytesMax,
    };
    this.#client = new TerminalLinkClient(targetOf(endpoint), credentials, options);
    this.#stream = this.#client.attach();
    this.#stream.on('data', (down: Down) => {
      this.#downs.push(down);
      if (this.#downs.length > untakenMax) this.#end(new Error('the server sends more than can be read'));
      this.#wake?.();
    });
    this.#stream.on('error', (error) => this.#end(error));
    this.#stream.on('end', () => this.#end(new Error('the server ended the stream')));
  }

  /** Why it ended; undefined while it lives. */
  get error(): ServiceError | Error | undefined {
    return this.#error;
  }

  send(body: NonNullable<Up['body']>): void {
    if (this.#error === undefined && !this.#isClosed) this.#stream.write({ body });
  }

  /** The next message, or undefined when `signal` aborts or the stream ended; the stream's messages come before its end. */
  async next(signal: AbortSignal): Promise<Down | undefined> {
    for (;;) {
      const down = this.#downs.shift();
      if (down !== undefined) return down;
      if (this.#error !== undefined || signal.aborted) return undefined;
      await this.#woken(signal);
    }
  }

  #woken(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.#wake = wake;
      signal.addEventListener('abort', wake, { once: true });
    });
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#stream.cancel();
    this.#client.close();
  }

  #end(error: ServiceError | Error): void {
    this.#error ??= error;
    this.#wake?.();
  }
}
