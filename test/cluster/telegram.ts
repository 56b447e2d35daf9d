import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { freePort } from './ports.ts';
import { readTelegramHtml } from './telegram-html.ts';

export interface BotApiOptions {
  /** Where to listen; default 127.0.0.1. */
  readonly address?: string;
  /** The token of the one bot that exists here, such as `110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw`. */
  readonly token: string;
  /** Chats the bot is a member of. Any other is "chat not found". */
  readonly chatIds: readonly number[];
  /** Certificate and key as PEM: then it speaks HTTPS, else HTTP. */
  readonly tls?: { readonly certificatePem: string; readonly privateKeyPem: string };
}

export interface BotMessage {
  readonly chatId: number;
  /** As the bot sent it, with its markup. */
  readonly source: string;
  /** As the reader sees it. */
  readonly text: string;
  readonly parseMode: string;
  /** Wall time of arrival, milliseconds since 1970. */
  readonly atMs: number;
}

/** A server that behaves as api.telegram.org does for `sendMessage`, with its refusals, and keeps the last messages in memory. */
export interface LocalBotApi extends AsyncDisposable {
  readonly address: string;
  readonly port: number;
  /** As Alertmanager's `telegram_api_url` wants it. */
  readonly url: string;
  /** The newest last; the oldest fall out beyond `messagesMax`. */
  readonly messages: readonly BotMessage[];
  /** Descriptions of what was refused. The oldest fall out. */
  readonly refusals: readonly string[];
  onMessage(listener: (message: BotMessage) => void): void;
  stop(): Promise<void>;
}

const messagesMax = 1_000;
/** Counted after the markup is taken away, as the Bot API does. */
const messageCharactersMax = 4_096;
const bodyBytesMax = 256 * 1024;

interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

export async function startBotApi(options: BotApiOptions): Promise<LocalBotApi> {
  const address = options.address ?? '127.0.0.1';
  const port = await freePort(address);
  const messages: BotMessage[] = [];
  const refusals: string[] = [];
  const listeners: ((message: BotMessage) => void)[] = [];
  const handle = async (request: IncomingMessage): Promise<Answer> => {
    const outcome = judge(options, request, fieldsOf(await bodyOf(request), request.headers['content-type'] ?? ''));
    if ('refused' in outcome) {
      push(refusals, outcome.description);
      return { status: outcome.refused, body: { ok: false, error_code: outcome.refused, description: outcome.description } };
    }
    push(messages, outcome);
    for (const listener of listeners) listener(outcome);
    return { status: 200, body: { ok: true, result: resultOf(outcome, messages.length) } };
  };
  const server = listenerOf(options, (request, response) => {
    handle(request).then(
      (answer) => send(response, answer),
      (error: unknown) => response.destroy(error instanceof Error ? error : undefined),
    );
  });
  server.listen(port, address);
  await once(server, 'listening');
  const stop = async (): Promise<void> => {
    if (!server.listening) return;
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  };
  const host = address.includes(':') ? `[${address}]` : address;
  const url = `${options.tls === undefined ? 'http' : 'https'}://${host}:${port}`;
  return { address, port, url, messages, refusals, onMessage: (heard) => void listeners.push(heard), stop, [Symbol.asyncDispose]: stop };
}

function listenerOf({ tls }: BotApiOptions, listener: RequestListener): Server {
  return tls === undefined ? createHttpServer(listener) : createHttpsServer({ cert: tls.certificatePem, key: tls.privateKeyPem }, listener);
}

type Refusal = { readonly refused: number; readonly description: string };

function judge({ token, chatIds }: BotApiOptions, request: IncomingMessage, fields: ReadonlyMap<string, string>): BotMessage | Refusal {
  const [, bot, method] = /^\/bot([^/]+)\/([A-Za-z]+)$/.exec(request.url ?? '') ?? [];
  if (bot === undefined) return { refused: 404, description: 'Not Found' };
  if (bot !== token) return { refused: 401, description: 'Unauthorized' };
  if (method?.toLowerCase() !== 'sendmessage') return { refused: 404, description: 'Not Found: method not found' };
  const chatId = Number(fields.get('chat_id'));
  if (!chatIds.includes(chatId)) return { refused: 400, description: 'Bad Request: chat not found' };
  const source = fields.get('text') ?? '';
  const parseMode = fields.get('parse_mode') ?? '';
  const read = parseMode.toLowerCase() === 'html' ? readTelegramHtml(source) : ({ ok: true, text: source } as const);
  if (!read.ok) return { refused: 400, description: read.description };
  const text = read.text.trim();
  if (text === '') return { refused: 400, description: 'Bad Request: message text is empty' };
  if (text.length > messageCharactersMax) return { refused: 400, description: 'Bad Request: message is too long' };
  return { chatId, source, text, parseMode, atMs: Date.now() };
}

function resultOf({ chatId, text, atMs }: BotMessage, count: number): Readonly<Record<string, unknown>> {
  const chat = { id: chatId, type: chatId < 0 ? 'supergroup' : 'private' };
  return { message_id: count, date: Math.floor(atMs / 1_000), chat, text };
}

/** The Bot API takes JSON and forms alike. */
function fieldsOf(body: string, contentType: string): ReadonlyMap<string, string> {
  if (!contentType.startsWith('application/json')) return new Map(new URLSearchParams(body));
  const parsed: unknown = JSON.parse(body);
  const entries = Object.entries(typeof parsed === 'object' && parsed !== null ? parsed : {});
  return new Map(entries.map(([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)]));
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    chunks.push(chunk as Buffer);
    bytes += (chunk as Buffer).length;
    if (bytes > bodyBytesMax) throw new Error(`a request may have at most ${bodyBytesMax} bytes`);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function send(response: ServerResponse, { status, body }: Answer): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

function push<T>(list: T[], entry: T): void {
  list.push(entry);
  if (list.length > messagesMax) list.shift();
}
