import type { Dispatcher } from 'undici';
import type { Clock } from '#lib/base/clock.ts';
import { isKubeError, statusError, transportError } from './errors.ts';
import type { KubeError, RequestLabel } from './errors.ts';
import type { Connection, Lane, Route } from './connection.ts';

export interface KubeRequest {
  readonly label: RequestLabel;
  readonly lane: Lane;
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Path and query, as `resourceUrl` builds them. */
  readonly path: string;
  readonly body?: unknown;
  readonly contentType?: string;
}

/** Sees every request that got an answer or failed; for metrics. */
export interface RequestObserver {
  /** `code` is the HTTP status, or `<error>` when there was none. */
  answered(
    request: { readonly verb: string; readonly method: string; readonly host: string; readonly code: string },
    seconds: number,
  ): void;
}

export interface RequestPorts {
  readonly connection: Connection;
  readonly clock: Clock;
  readonly userAgent: string;
  readonly observer?: RequestObserver | undefined;
}

export interface Answer {
  readonly status: number;
  readonly body: Dispatcher.ResponseData['body'];
  readonly route: Route;
}

/** The largest answer we read into memory; pages keep lists far below. A text of Node cannot be longer than twice this. */
const answerBytesMax = 256 * 1024 * 1024;
/** An error's body is a Status of a few hundred bytes; a proxy's page is cut here. */
const errorBytesMax = 64 * 1024;

/**
 * Sends one request and returns when the answer has begun. It is repeated only when the server did not know our
 * credentials, once, with newer ones: such a request was not carried out.
 *
 * @throws KubeError  for everything but the abortion of `signal`, whose reason comes as it is.
 */
export async function send(request: KubeRequest, ports: RequestPorts, signal: AbortSignal): Promise<Answer> {
  try {
    return await sendOnce(request, ports, signal);
  } catch (error) {
    if (!isKubeError(error, 'HK_KUBE_UNAUTHORIZED') || !ports.connection.refused()) throw error;
    return sendOnce(request, ports, signal);
  }
}

async function sendOnce(request: KubeRequest, ports: RequestPorts, signal: AbortSignal): Promise<Answer> {
  const { label, lane, method, path } = request;
  const { connection, clock, observer } = ports;
  const startedMs = clock.nowMs();
  let code = '<error>';
  try {
    const route = await unlessAborted(connection.route(lane), signal).catch((error: unknown) => {
      throw signal.aborted ? signal.reason : transportError('HK_KUBE_CREDENTIALS', label, '', error);
    });
    const sending = route.dispatcher.request({
      origin: route.origin,
      path: route.basePath + path,
      method,
      headers: {
        ...route.headers,
        accept: 'application/json',
        'user-agent': ports.userAgent,
        ...(request.body === undefined ? {} : { 'content-type': request.contentType ?? 'application/json' }),
      },
      body: request.body === undefined ? null : JSON.stringify(request.body),
      signal,
    });
    // An answer that comes after we gave up has no reader, and its end must not end the process.
    void sending.then(
      ({ body }) => body.on('error', () => undefined),
      () => undefined,
    );
    // undici heeds the signal only once it has a connection. While it waits for one we must not: the deadline is ours.
    const response = await unlessAborted(sending, signal).catch((error: unknown) => {
      suspectIfLate(connection, lane, route, signal);
      throw failureOf(error, label, signal);
    });
    code = String(response.statusCode);
    if (response.statusCode >= 200 && response.statusCode < 300) return { status: response.statusCode, body: response.body, route };
    throw await refusal(response, label, signal);
  } finally {
    observer?.answered({ verb: label.verb, method, host: connection.host, code }, (clock.nowMs() - startedMs) / 1_000);
  }
}

/** Reads an answer whole. @throws KubeError HK_KUBE_GARBLED when it is not one JSON object, or too long. */
export async function readJson(
  answer: Answer,
  { label, lane }: KubeRequest,
  { connection }: RequestPorts,
  signal: AbortSignal,
): Promise<object> {
  const text = await readText(answer.body, answerBytesMax).catch((error: unknown) => {
    suspectIfLate(connection, lane, answer.route, signal);
    throw failureOf(error, label, signal);
  });
  const value = parseJson(text);
  if (typeof value !== 'object' || value === null)
    throw transportError('HK_KUBE_GARBLED', label, `${text.length} characters that are not a JSON object`);
  return value;
}

/** A connection on which a call ran out of time may be dead without either end knowing. */
function suspectIfLate(connection: Connection, lane: Lane, route: Route, signal: AbortSignal): void {
  if (isKubeError(signal.reason, 'HK_KUBE_DEADLINE')) connection.suspect(lane, route);
}

/** What a broken request or stream means. */
export function failureOf(error: unknown, label: RequestLabel, signal: AbortSignal): unknown {
  if (signal.aborted) return signal.reason;
  if (isKubeError(error)) return error;
  if (error instanceof RangeError) return transportError('HK_KUBE_GARBLED', label, error.message);
  return transportError('HK_KUBE_UNREACHABLE', label, '', error);
}

/** Parses JSON; undefined when it is none. The parser's own message would quote the content, so it is dropped. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

async function refusal(response: Dispatcher.ResponseData, label: RequestLabel, signal: AbortSignal): Promise<KubeError> {
  const header = response.headers['retry-after'];
  const text = await readText(response.body, errorBytesMax).catch(() => {
    signal.throwIfAborted();
    return '';
  });
  return statusError(label, response.statusCode, parseJson(text), typeof header === 'string' ? header : undefined);
}

async function readText(body: Dispatcher.ResponseData['body'], bytesMax: number): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    // Leaving the loop early destroys the stream.
    if (bytes > bytesMax) throw new RangeError(`the answer is longer than ${bytesMax} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, bytes).toString('utf8');
}

/** Waits for something that takes no signal itself; it goes on in the background, and its failure then is nobody's. */
export async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  // Watched before anything else: when the signal has aborted already, nobody below ever looks at the work, and a rejection that nobody
  // looks at ends the process.
  work.catch(() => undefined);
  signal.throwIfAborted();
  let onAbort = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
