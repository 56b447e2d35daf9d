import { createServer as createHttpServer } from 'node:http';
import type { IncomingMessage, Server as HttpServer, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { createServer } from 'node:tls';
import type { Server, TLSSocket } from 'node:tls';
import { defineErrors, messageOf } from '#lib/base/errors.ts';
import { optionErrors, readFields } from '#lib/base/fields.ts';
import type { Logger } from '#lib/base/log.ts';
import type { Part } from '#lib/base/parts.ts';
import type { Secret } from '#lib/base/secret.ts';
import { explainTls } from '#lib/pki/explain-tls.ts';
import { peerIdentity, serverTls } from '#lib/pki/trust.ts';
import type { Expectation, OwnCertificate, TrustedAuthority } from '#lib/pki/trust.ts';
import { askedOperations, parseAsk, parseMemberSettings } from './contract.ts';
import type { AskedOperation, AskRequest, MemberSettings } from './contract.ts';
import type { MemberStatus } from './contract-status.ts';
import { peerProtocol, receiveHeartbeats } from './peer-link.ts';
import type { MemberEvent } from '#lib/pair/events.ts';

export const adminErrors = defineErrors({
  HK_MEMBER_LISTEN: { retry: 'never', says: 'the administration port cannot be opened' },
});

export interface AdminPorts {
  readonly address: string;
  readonly port: number;
  readonly tls: () => { readonly own: OwnCertificate; readonly trust: readonly TrustedAuthority[] };
  /** Who may send heartbeats, and who may ask and order. */
  readonly peer: Expectation;
  readonly operator: Expectation;
  readonly log: Logger;
  readonly tell: (event: MemberEvent) => void;
  readonly status: () => MemberStatus;
  readonly takeSettings: (settings: MemberSettings, token: Secret) => Promise<void>;
  /** Resolves when it is certain that a repetition will be known. */
  readonly ask: (what: AskedOperation, request: AskRequest) => Promise<void>;
}

const paths = `there is GET /v1/status, PUT /v1/settings and POST ${askedOperations.map((each) => `/v1/${each}`).join(', ')}`;

const bodyBytesMax = 512 * 1_024;
const connectionsMax = 64;
const requestMaxMs = 10_000;
/** Whoever connects and says nothing keeps one of the few places for so long. */
const handshakeMaxMs = 5_000;

/** One port for both: heartbeats of the peer and HTTP of the operator, told apart by ALPN, each admitted by the certificate's identity. */
export class AdminEndpoint implements Part {
  readonly name = 'administration port';
  readonly stopMaxMs = 2_000;
  readonly #ports: AdminPorts;
  readonly #server: Server;
  readonly #http: HttpServer;
  /** The peer's newest connection. It has one: whatever it had before has broken on its side. */
  #peer: TLSSocket | undefined;
  /** Every connection, also one in its handshake: the port closes only when the last of them is gone. */
  readonly #connections = new Set<Socket>();

  constructor(ports: AdminPorts) {
    this.#ports = ports;
    this.#http = createHttpServer(
      { requestTimeout: requestMaxMs, headersTimeout: requestMaxMs },
      (request, response) => void this.#answer(request, response),
    );
    const { own, trust } = ports.tls();
    const listening = { ...serverTls(own, trust), ALPNProtocols: [peerProtocol, 'http/1.1'], handshakeTimeout: handshakeMaxMs };
    this.#server = createServer(listening, (socket) => this.#admit(socket));
    this.#server.on('connection', (socket: Socket) => {
      this.#connections.add(socket);
      socket.once('close', () => this.#connections.delete(socket));
    });
    this.#server.maxConnections = connectionsMax;
    this.#server.on('tlsClientError', (error, socket) => {
      const why = explainTls(error, socket) ?? error;
      ports.log.warn({ from: socket.remoteAddress, why: messageOf(why) }, 'a client was refused');
    });
  }

  start(): Promise<void> {
    const { address, port } = this.#ports;
    return new Promise((resolve, reject) => {
      this.#server.once('error', (cause) => reject(adminErrors.HK_MEMBER_LISTEN(`${address}:${port}`, { cause })));
      this.#server.listen(port, address, () => {
        this.#server.removeAllListeners('error');
        this.#server.on('error', (error) => this.#ports.log.error({ error: messageOf(error) }, 'the administration port reports an error'));
        resolve();
      });
    });
  }

  /** New connections are made with the new certificate and trust. */
  renewTls(): void {
    const { own, trust } = this.#ports.tls();
    this.#server.setSecureContext(serverTls(own, trust));
  }

  stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => void this.#server.close(() => resolve()));
    for (const socket of this.#connections) socket.destroy();
    this.#http.closeAllConnections();
    return closed;
  }

  #admit(socket: TLSSocket): void {
    const { tls, peer, operator, log, tell } = this.#ports;
    socket.on('error', () => undefined);
    const heartbeats = socket.alpnProtocol === peerProtocol;
    try {
      peerIdentity(socket, tls().trust, heartbeats ? peer : operator);
    } catch (error) {
      log.warn({ from: socket.remoteAddress, why: messageOf(error) }, 'a client was refused');
      socket.destroy();
      return;
    }
    if (heartbeats) {
      const before = this.#peer;
      this.#peer = socket;
      before?.destroy();
      receiveHeartbeats(socket, { log, tell, isNewest: () => this.#peer === socket });
    } else this.#http.emit('connection', socket);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { log } = this.#ports;
    try {
      const body = await readBody(request);
      const { code, answer } = await this.#serve(`${request.method ?? ''} ${request.url ?? ''}`, body);
      response.writeHead(code, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' });
      response.end(`${JSON.stringify(answer)}\n`);
    } catch (error) {
      log.warn({ error: messageOf(error) }, 'a request was refused');
      response.writeHead(400, { 'Content-Type': 'application/json' });
      response.end(`${JSON.stringify({ error: messageOf(error) })}\n`);
    }
  }

  async #serve(what: string, body: string): Promise<{ readonly code: number; readonly answer: unknown }> {
    switch (what) {
      case 'GET /v1/status':
        return { code: 200, answer: this.#ports.status() };
      case 'PUT /v1/settings': {
        const raw: unknown = JSON.parse(body);
        const { settings: given, ...rest } = (typeof raw === 'object' ? (raw ?? {}) : {}) as Readonly<Record<string, unknown>>;
        const field = readFields(rest);
        const token = field.secret('token');
        field.refuseProblems();
        const settings = parseMemberSettings(given);
        await this.#ports.takeSettings(settings, token);
        return { code: 200, answer: { revision: settings.revision } };
      }
      default: {
        const asked = askedOperations.find((each) => what === `POST /v1/${each}`);
        if (asked === undefined) return { code: 404, answer: { error: paths } };
        const request = parseAsk(JSON.parse(body));
        await this.#ports.ask(asked, request);
        return { code: 202, answer: { id: request.id } };
      }
    }
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > bodyBytesMax) throw optionErrors.HK_OPTIONS_INVALID(`a body of more than ${bodyBytesMax} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
