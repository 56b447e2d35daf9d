import { createServer } from 'node:http';
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Server as TlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Clock } from '#lib/base/clock.ts';
import { messageOf } from '#lib/base/errors.ts';
import { invariant } from '#lib/base/invariant.ts';
import type { Logger } from '#lib/base/log.ts';
import type { Part } from '#lib/base/parts.ts';
import type { Secret } from '#lib/base/secret.ts';
import { httpErrors } from './errors.ts';

/** One path of the server. Only GET and HEAD reach it; for HEAD Node drops the body by itself. */
export interface Endpoint {
  /** A whole path, or one that ends in `/*` for everything below it. */
  readonly path: string;
  /** The signal aborts when the client goes away or the server stops. */
  handle(request: IncomingMessage, response: ServerResponse, signal: AbortSignal): Promise<void> | void;
}

/** PEM texts. With `clientCa` only clients with a certificate of these authorities are let in. */
export interface HttpTls {
  readonly certificate: string;
  readonly key: Secret;
  readonly clientCa?: string;
}

export interface HttpServerOptions {
  /** Name of the part in logs. */
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly tls?: HttpTls;
  readonly endpoints: readonly Endpoint[];
  readonly clock: Clock;
  readonly log: Logger;
}

// Prometheus keeps one connection per target; people and probes add a few. More are refused, so that they cost nothing.
const connectionsMax = 64;
const headerBytesMax = 16_384;
const headersMaxMs = 10_000;
const requestMaxMs = 15_000;
const keepAliveMs = 65_000;
const handshakeMaxMs = 10_000;
const requestsPerConnectionMax = 10_000;
/** Answers under way may end by themselves for so long when the server stops. */
const drainMs = 500;

/**
 * A small HTTP server for reading: health, metrics, a landing page. Everything is bounded: connections, header size, time for the
 * header and the request; request bodies are refused.
 */
export class HttpServer implements Part {
  readonly name: string;
  readonly stopMaxMs = 2_000;
  readonly #options: HttpServerOptions;
  readonly #server: Server | TlsServer;
  readonly #stopping = new AbortController();

  constructor(options: HttpServerOptions) {
    this.name = options.name;
    this.#options = options;
    const limits = {
      maxHeaderSize: headerBytesMax,
      headersTimeout: headersMaxMs,
      requestTimeout: requestMaxMs,
      keepAliveTimeout: keepAliveMs,
    };
    const listener: RequestListener = (request, response) => void this.#answer(request, response);
    this.#server =
      options.tls === undefined
        ? createServer(limits, listener)
        : createTlsServer({ ...limits, ...tlsOptions(options.tls), handshakeTimeout: handshakeMaxMs }, listener);
    this.#server.maxConnections = connectionsMax;
    this.#server.maxRequestsPerSocket = requestsPerConnectionMax;
  }

  /** @throws HK_HTTP_LISTEN  for example when the port is taken. */
  start(): Promise<void> {
    const { address, port, log } = this.#options;
    return new Promise((resolve, reject) => {
      this.#server.once('error', (cause) => reject(httpErrors.HK_HTTP_LISTEN(`${address}:${port}: ${messageOf(cause)}`, { cause })));
      this.#server.listen(port, address, () => {
        this.#server.removeAllListeners('error');
        this.#server.on('error', (error) => log.error({ error: messageOf(error) }, 'the HTTP server reports an error'));
        resolve();
      });
    });
  }

  /** Where the server listens; `port` is never 0. Only after `start`. */
  get listening(): { readonly address: string; readonly port: number } {
    const address = this.#server.address() as AddressInfo | null;
    invariant(address !== null, 'the server listens before anybody asks where');
    return { address: address.address, port: address.port };
  }

  /** Connections from now on use this certificate; those that stand are left alone. */
  renewTls(tls: HttpTls): void {
    invariant('setSecureContext' in this.#server, 'only a server with TLS renews it');
    this.#server.setSecureContext(tlsOptions(tls));
  }

  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = new Promise<void>((resolve) => void this.#server.close(() => resolve()));
    this.#stopping.abort(new Error('the server stops'));
    this.#server.closeIdleConnections();
    const done = new AbortController();
    const late = this.#options.clock.sleep(drainMs, done.signal).then(
      () => this.#server.closeAllConnections(),
      () => undefined,
    );
    await closed;
    done.abort();
    await late;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const gone = new AbortController();
    response.once('close', () => gone.abort(new Error('the client went away')));
    response.on('error', () => undefined);
    response.setHeader('X-Content-Type-Options', 'nosniff');
    response.setHeader('Cache-Control', 'no-store');
    try {
      if (request.method !== 'GET' && request.method !== 'HEAD') {
        response.setHeader('Allow', 'GET, HEAD');
        return refuse(response, 405, 'only GET and HEAD are answered');
      }
      if (hasBody(request)) return refuse(response, 413, 'a request has no body here');
      const path = (request.url ?? '/').split('?', 1)[0] ?? '/';
      const endpoint = this.#options.endpoints.find((candidate) => matches(candidate.path, path));
      if (endpoint === undefined) return refuse(response, 404, 'there is nothing here; look at /');
      await endpoint.handle(request, response, AbortSignal.any([gone.signal, this.#stopping.signal]));
    } catch (error) {
      if (!gone.signal.aborted) this.#options.log.warn({ path: shownPath(request), error: messageOf(error) }, 'a request was not answered');
      // A body that ends early and normally would be taken for a complete one.
      if (response.headersSent) response.destroy();
      else refuse(response, 500, 'this could not be answered; the log says why');
    }
  }
}

/** Answers with one line of text and closes the connection when the request may not have been read. */
function refuse(response: ServerResponse, status: number, text: string): void {
  if (status === 405 || status === 413) response.setHeader('Connection', 'close');
  response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8' });
  response.end(`${text}\n`);
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) !== 0;
}

function matches(pattern: string, path: string): boolean {
  return pattern.endsWith('/*') ? path.startsWith(pattern.slice(0, -1)) : path === pattern;
}

const shownPath = (request: IncomingMessage): string => (request.url ?? '').slice(0, 100);

function tlsOptions({ certificate, key, clientCa }: HttpTls): object {
  const shared = { cert: certificate, key: key.reveal(), minVersion: 'TLSv1.3' as const };
  return clientCa === undefined ? shared : { ...shared, ca: clientCa, requestCert: true, rejectUnauthorized: true };
}
