import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { decodeMessage } from '../message.ts';
import { encodeName } from '../name.ts';
import type { DnsServer } from '../exchange.ts';
import type { TsigKey } from '../tsig.ts';

/** A server over TCP that answers as a test says, in ways that a real one cannot be told to. */
export interface ScriptedServer extends AsyncDisposable {
  readonly server: DnsServer;
  /** Requests that came whole, each with its two bytes of length. */
  readonly requests: readonly Buffer[];
}

export async function startScriptedServer(onRequest: (socket: Socket, request: Buffer) => void): Promise<ScriptedServer> {
  const sockets = new Set<Socket>();
  const requests: Buffer[] = [];
  const listener = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
    socket.on('data', (data) => {
      requests.push(data);
      onRequest(socket, data);
    });
  }).listen(0, '127.0.0.1');
  await once(listener, 'listening');
  return {
    server: { host: '127.0.0.1', port: (listener.address() as AddressInfo).port },
    requests,
    [Symbol.asyncDispose]: async () => {
      const closed = once(listener, 'close');
      listener.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

export interface AnswerPlan {
  /** 0 NOERROR, 1 FORMERR, … */
  readonly rcode: number;
  /** The TC bit. */
  readonly truncated?: boolean;
  readonly signature?: SignaturePlan;
}

export interface SignaturePlan {
  readonly key: TsigKey;
  /** Seconds by which the signing clock is ahead of the time in the request. */
  readonly aheadSeconds?: number;
  /** Code of the error inside the TSIG. */
  readonly error?: number;
  /** The server's time as BADTIME tells it, in seconds. */
  readonly serverSeconds?: number;
  /** So many bytes of the code are sent; default all 32. */
  readonly macBytes?: number;
}

const tsigFixedBytes = 10;

/** The answer to a framed request that was signed by us: its header and zone, framed. */
export function answerTo(request: Buffer, { rcode, truncated, signature }: AnswerPlan): Buffer {
  const message = request.subarray(2);
  const answer = Buffer.from(message.subarray(0, questionEnd(message)));
  answer.writeUInt16BE(0x8000 | (message.readUInt16BE(2) & 0x7800) | (truncated === true ? 0x0200 : 0) | rcode, 2);
  answer.writeUInt16BE(1, 4);
  answer.fill(0, 6, 12);
  const whole = signature === undefined ? answer : signAnswer(answer, message, signature);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(whole.length);
  return Buffer.concat([length, whole]);
}

function questionEnd(message: Buffer): number {
  let at = 12;
  while ((message[at] ?? 0) !== 0) at += (message[at] ?? 0) + 1;
  return at + 5;
}

/** RFC 8945 5.3: over the code of the request with its length, the answer, and the variables. */
function signAnswer(answer: Buffer, request: Buffer, plan: SignaturePlan): Buffer {
  const algorithm = encodeName('hmac-sha256');
  const tsig = decodeMessage(request).additionals.at(-1)?.data;
  if (tsig?.type !== 'other') throw new Error('the request is not signed');
  const fields = tsig.bytes.subarray(algorithm.length);
  const requestMac = fields.subarray(tsigFixedBytes, tsigFixedBytes + fields.readUInt16BE(8));
  const name = encodeName(plan.key.name.toLowerCase());
  const time = Buffer.alloc(8);
  time.writeUIntBE(fields.readUIntBE(0, 6) + (plan.aheadSeconds ?? 0), 0, 6);
  time.writeUInt16BE(300, 6);
  const other = plan.serverSeconds === undefined ? Buffer.alloc(0) : Buffer.alloc(6);
  if (plan.serverSeconds !== undefined) other.writeUIntBE(plan.serverSeconds, 0, 6);
  const error = words(plan.error ?? 0, other.length);
  const classAndTtl = Buffer.from('00ff00000000', 'hex');
  const mac = createHmac('sha256', Buffer.from(plan.key.secret.reveal(), 'base64'))
    .update(Buffer.concat([words(requestMac.length), requestMac, answer, name, classAndTtl, algorithm, time, error, other]))
    .digest()
    .subarray(0, plan.macBytes ?? 32);
  const data = Buffer.concat([algorithm, time, words(mac.length), mac, answer.subarray(0, 2), error, other]);
  const signed = Buffer.concat([answer, name, words(250), classAndTtl, words(data.length), data]);
  signed.writeUInt16BE(1, 10);
  return signed;
}

function words(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 2);
  values.forEach((value, index) => bytes.writeUInt16BE(value, index * 2));
  return bytes;
}
