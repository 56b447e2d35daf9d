import type { IncomingMessage, ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { constants, createGzip } from 'node:zlib';
import { within } from '#lib/base/deadline.ts';
import type { Exposition } from '#lib/exposition/exposition.ts';
import { negotiate } from '#lib/exposition/negotiate.ts';
import type { Endpoint } from './http-server.ts';

export interface MetricsEndpointOptions {
  readonly exposition: Exposition;
}

/** What Prometheus waits when it does not say how long. */
const scrapeFallbackMs = 10_000;
const scrapeMinMs = 100;
/** However long a reader says it will wait: one that never reads holds a place no longer than this. */
const scrapeMaxMs = 30_000;
/** Part of the scrape timeout that collectors may take; the rest is for sending. */
const collectPart = 0.7;
/** Scrapes under way at once. Each holds a picture of all values until it ends; more are asked to come back. */
const scrapesMax = 8;
/** Of them for one address, so that readers of one host that never read leave places for Prometheus. */
const scrapesOfPeerMax = 4;

/**
 * `/metrics`: collects first, and then sends in the negotiated format, in chunks, at the reader's pace. A reader that has not taken
 * everything when the scrape timeout is over (its header says how long that is) is cut off: by then Prometheus has given up.
 */
export function metricsEndpoint({ exposition }: MetricsEndpointOptions): Endpoint {
  let underWay = 0;
  /** By address of the peer; an entry goes with its last scrape. */
  const ofPeer = new Map<string, number>();
  const count = (peer: string, change: 1 | -1): void => {
    underWay += change;
    const left = (ofPeer.get(peer) ?? 0) + change;
    if (left === 0) ofPeer.delete(peer);
    else ofPeer.set(peer, left);
  };
  return {
    path: '/metrics',
    handle: async (request, response, signal) => {
      const peer = request.socket.remoteAddress ?? '';
      if (underWay >= scrapesMax || (ofPeer.get(peer) ?? 0) >= scrapesOfPeerMax) {
        response.writeHead(503, { 'Retry-After': '1', 'Content-Type': 'text/plain; charset=utf-8' });
        response.end('too many scrapes at once\n');
        return;
      }
      count(peer, 1);
      try {
        await answerScrape(exposition, { request, response, signal });
      } finally {
        count(peer, -1);
      }
    },
  };
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly signal: AbortSignal;
}

async function answerScrape(exposition: Exposition, { request, response, signal }: Exchange): Promise<void> {
  const { format, contentType, gzip } = negotiate(request.headers.accept, request.headers['accept-encoding']);
  const headers = { 'Content-Type': contentType, Vary: 'Accept, Accept-Encoding', ...(gzip ? { 'Content-Encoding': 'gzip' } : {}) };
  if (request.method === 'HEAD') {
    response.writeHead(200, headers);
    response.end();
    return;
  }
  const limitMs = scrapeLimitMs(request.headers['x-prometheus-scrape-timeout-seconds']);
  const limit = within(limitMs, 'sending the metrics', signal);
  const scrape = await exposition.collect(within(limitMs * collectPart, 'collecting the metrics', signal));
  response.writeHead(200, headers);
  const body = scrape.chunks(format, limit);
  try {
    if (gzip) await sendCompressed(body, response, limit);
    else await send(body, response, limit);
  } catch (error) {
    response.destroy();
    throw limit.aborted ? limit.reason : error;
  }
}

/** Sends chunk by chunk: the next is rendered when the one before has left our memory. This is all the back-pressure there is. */
async function send(chunks: AsyncIterable<Uint8Array>, to: Writable, signal: AbortSignal): Promise<void> {
  for await (const chunk of chunks) {
    await written((done) => to.write(chunk, done), signal);
  }
  await written((done) => to.end(done), signal);
}

async function sendCompressed(chunks: AsyncIterable<Uint8Array>, response: ServerResponse, signal: AbortSignal): Promise<void> {
  const gzip = createGzip({ level: constants.Z_BEST_SPEED, chunkSize: 65_536 });
  try {
    // `pipe` pauses the compressor when the socket is full, and with it the callback that `send` waits for.
    gzip.pipe(response);
    await send(chunks, gzip, signal);
    if (!response.writableFinished) await once(response, 'finish', { signal });
  } finally {
    gzip.destroy();
  }
}

/** Waits for the callback of a write, which a stream that was destroyed may never call. */
function written(write: (done: (error?: Error | null) => void) => void, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abandon = (): void => reject(signal.reason as Error);
    if (signal.aborted) return abandon();
    signal.addEventListener('abort', abandon, { once: true });
    write((error) => {
      signal.removeEventListener('abort', abandon);
      if (error === undefined || error === null) resolve();
      else reject(error);
    });
  });
}

/** The header's seconds in milliseconds, within bounds; the fallback when it is absent or no number. */
export function scrapeLimitMs(header: string | readonly string[] | undefined): number {
  const seconds = typeof header === 'string' && /^\d{1,6}(\.\d{1,9})?$/.test(header) ? Number(header) : 0;
  if (seconds === 0) return scrapeFallbackMs;
  return Math.min(Math.max(seconds * 1_000, scrapeMinMs), scrapeMaxMs);
}
