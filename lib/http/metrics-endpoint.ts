import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { constants, createGzip } from 'node:zlib';
import { deadlineErrors, within } from '#lib/base/deadline.ts';
import type { Exposition } from '#lib/exposition/exposition.ts';
import { negotiate } from '#lib/exposition/negotiate.ts';
import type { Endpoint } from './http-server.ts';

export interface MetricsEndpointOptions {
  readonly exposition: Exposition;
}

/** What Prometheus waits when it does not say how long. */
const scrapeFallbackMs = 10_000;
const scrapeMinMs = 100;
const scrapeMaxMs = 120_000;
/** Part of the scrape timeout that collectors may take; the rest is for sending. */
const collectPart = 0.7;
/** Scrapes under way at once. Each holds a picture of all values until it ends; more are asked to come back. */
const scrapesMax = 8;

/**
 * `/metrics`: collects first, and then sends in the negotiated format, in chunks, at the reader's pace. A reader that has not taken
 * everything when the scrape timeout is over (its header says how long that is) is cut off: by then Prometheus has given up.
 */
export function metricsEndpoint({ exposition }: MetricsEndpointOptions): Endpoint {
  let underWay = 0;
  return {
    path: '/metrics',
    handle: async (request, response, signal) => {
      if (underWay >= scrapesMax) {
        response.writeHead(503, { 'Retry-After': '1', 'Content-Type': 'text/plain; charset=utf-8' });
        response.end('too many scrapes at once\n');
        return;
      }
      underWay += 1;
      try {
        await answerScrape(exposition, { request, response, signal });
      } finally {
        underWay -= 1;
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
  const chunks = Readable.from(scrape.chunks(format, limit), { highWaterMark: 1 });
  try {
    if (gzip) await pipeline(chunks, createGzip({ level: constants.Z_BEST_SPEED, chunkSize: 65_536 }), response, { signal: limit });
    else await pipeline(chunks, response, { signal: limit });
  } catch (error) {
    response.destroy();
    // Somebody who left, or read too slowly, is no fault of ours.
    if (limit.aborted) throw limit.reason instanceof Error ? limit.reason : deadlineErrors.HK_DEADLINE('', { cause: error });
    throw error;
  }
}

/** The header's seconds in milliseconds, within bounds; the fallback when it is absent or no number. */
export function scrapeLimitMs(header: string | readonly string[] | undefined): number {
  const seconds = typeof header === 'string' && /^\d{1,6}(\.\d{1,9})?$/.test(header) ? Number(header) : 0;
  if (seconds === 0) return scrapeFallbackMs;
  return Math.min(Math.max(seconds * 1_000, scrapeMinMs), scrapeMaxMs);
}
