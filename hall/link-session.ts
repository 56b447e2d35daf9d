import type { ServerDuplexStream } from '@grpc/grpc-js';
import type { Desired, Down, Hello, Up } from '#lib/link/gen/hallkeeper/v1/terminal_link.ts';
import type { Reign } from './reign.ts';
import { refusalOf } from './refusal.ts';

export type DownBody = NonNullable<Down['body']>;

/** Messages a terminal may send: a burst, and so many a second. A heartbeat a second is the rule. */
const burstMax = 40;
const refillPerSecond = 20;
/** Bytes of them: a burst, and so many a second. A heartbeat has some hundred. */
const burstBytesMax = 64 * 1024;
const refillBytesPerSecond = 16 * 1024;
/** Messages that wait for a terminal that does not read. At the bound its stream ends. */
const unreadMax = 64;

/** One stream of one terminal. */
export class LinkSession {
  readonly terminal: string;
  readonly openedMs: number;
  hello: Hello | undefined;
  /** The reign that welcomed it; a stream outlives reigns. */
  welcomedIn: Reign | undefined;
  /** By the hall's watch. */
  heardMs = 0;
  readonly #call: Pick<ServerDuplexStream<Up, Down>, 'write' | 'writableLength' | 'emit' | 'end' | 'destroy' | 'getPeer'>;
  #tokens = burstMax;
  #bytes = burstBytesMax;
  #hasCut = false;
  #tokensAtMs: number;
  #desiredKey = '';
  #isOpen = true;

  constructor(
    call: Pick<ServerDuplexStream<Up, Down>, 'write' | 'writableLength' | 'emit' | 'end' | 'destroy' | 'getPeer'>,
    terminal: string,
    nowMs: number,
  ) {
    this.#call = call;
    this.terminal = terminal;
    this.openedMs = nowMs;
    this.#tokensAtMs = nowMs;
  }

  /** Address and port from which it calls. */
  get from(): string {
    return this.#call.getPeer();
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  get runKey(): string {
    return Buffer.from(this.hello?.runId ?? []).toString('hex');
  }

  /** Whether one more message of this length is within its rate. */
  take(nowMs: number, bytes: number): boolean {
    const passedS = (nowMs - this.#tokensAtMs) / 1_000;
    this.#tokens = Math.min(burstMax, this.#tokens + passedS * refillPerSecond);
    this.#bytes = Math.min(burstBytesMax, this.#bytes + passedS * refillBytesPerSecond);
    this.#tokensAtMs = nowMs;
    if (this.#tokens < 1 || this.#bytes < bytes) return false;
    this.#tokens -= 1;
    this.#bytes -= bytes;
    return true;
  }

  /** Whether this is the first cut of this stream: only that one is worth a line in the log. */
  isFirstCut(): boolean {
    const isFirst = !this.#hasCut;
    this.#hasCut = true;
    return isFirst;
  }

  send(pairUid: string, epoch: bigint, body: DownBody): void {
    if (!this.#isOpen) return;
    if (this.#call.writableLength >= unreadMax) this.cut();
    else this.#call.write({ pairUid, epoch, body });
  }

  /** Whether these wishes differ from those it was told last; remembers them. */
  isNews(desired: Desired): boolean {
    const key = `${desired.refusals.join(',')} ${desired.heartbeatIntervalMs ?? ''}`;
    const isNews = key !== this.#desiredKey;
    this.#desiredKey = key;
    return isNews;
  }

  refuse(error: unknown, retryAfterMs?: number): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#call.emit('error', refusalOf(error, retryAfterMs));
  }

  /** The terminal ended its side. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#call.end();
  }

  cut(): void {
    this.#isOpen = false;
    this.#call.destroy();
  }
}
