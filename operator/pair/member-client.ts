import { isIPv6 } from 'node:net';
import { Client } from 'undici';
import { formatMemberSettings, parseMemberStatus } from '#agents/member/contract.ts';
import type { AskedOperation, AskRequest, MemberSettings, MemberStatus } from '#agents/member/contract.ts';
import type { FailoverPair } from '#lib/api/failoverpair.gen.ts';
import { within } from '#lib/base/deadline.ts';
import { HallkeeperError, messageOf } from '#lib/base/errors.ts';
import type { Part } from '#lib/base/parts.ts';
import type { Secret } from '#lib/base/secret.ts';
import { explainTls } from '#lib/pki/explain-tls.ts';
import { clientTls } from '#lib/pki/trust.ts';
import { operatorErrors } from '../errors.ts';
import type { PairCredentials } from './operator-certificates.ts';

/** Which member's agent is called, and with what. */
export interface MemberPlace {
  readonly pair: FailoverPair;
  readonly member: string;
  readonly address: string;
  readonly credentials: PairCredentials;
}

/** A call to an agent, its connection included. */
const callMaxMs = 3_000;
const answerBytesMax = 512 * 1_024;
/** Beyond this many connections the one unused for longest is closed. */
const connectionsMax = 4_000;

interface Line {
  readonly client: Client;
  readonly fingerprint: string;
}

/** Calls member agents over mutual TLS, one connection each. The member must prove by its certificate that it is the one we mean. */
export class MemberClient {
  readonly #lines = new Map<string, Line>();

  async status(place: MemberPlace, signal: AbortSignal): Promise<MemberStatus> {
    const answer = await this.#call(place, { method: 'GET', path: '/v1/status' }, signal);
    return parseMemberStatus(answer);
  }

  /** The way back for a member that could not read its Secret for long. */
  async pushSettings(place: MemberPlace, settings: MemberSettings, token: Secret, signal: AbortSignal): Promise<void> {
    const body = `{"settings":${formatMemberSettings(settings)},"token":${JSON.stringify(token.reveal())}}`;
    await this.#call(place, { method: 'PUT', path: '/v1/settings', body }, signal);
  }

  /** Asks something of the member. Its end stands in the status. */
  async ask(place: MemberPlace, what: AskedOperation, request: AskRequest, signal: AbortSignal): Promise<void> {
    await this.#call(place, { method: 'POST', path: `/v1/${what}`, body: JSON.stringify(request) }, signal);
  }

  part(): Part {
    return { name: 'calls to members', start: () => undefined, stop: () => this.close(), stopMaxMs: 2_000 };
  }

  async close(): Promise<void> {
    const lines = [...this.#lines.values()];
    this.#lines.clear();
    await Promise.all(lines.map(({ client }) => client.destroy()));
  }

  /** @throws HK_MEMBER_UNREACHABLE, HK_MEMBER_REFUSED */
  async #call(
    place: MemberPlace,
    request: { readonly method: 'GET' | 'PUT' | 'POST'; readonly path: string; readonly body?: string },
    signal: AbortSignal,
  ): Promise<unknown> {
    const { member, address, pair } = place;
    const where = `${member} at ${address} port ${pair.spec.hallServer.adminPort}`;
    try {
      const answer = await this.#line(place).request({
        ...request,
        headers: { accept: 'application/json', ...(request.body === undefined ? {} : { 'content-type': 'application/json' }) },
        signal: within(callMaxMs, where, signal),
      });
      let text = '';
      for await (const chunk of answer.body.setEncoding('utf8') as AsyncIterable<string>) {
        text += chunk;
        if (text.length > answerBytesMax) throw operatorErrors.HK_MEMBER_REFUSED(`${where}: more than ${answerBytesMax} bytes`);
      }
      if (answer.statusCode >= 300) throw operatorErrors.HK_MEMBER_REFUSED(`${where}: ${answer.statusCode} ${wordsOf(text)}`);
      return JSON.parse(text === '' ? 'null' : text);
    } catch (cause) {
      if (cause instanceof HallkeeperError && cause.code.startsWith('HK_MEMBER')) throw cause;
      signal.throwIfAborted();
      const why = messageOf(explainTls(cause) ?? cause);
      throw operatorErrors.HK_MEMBER_UNREACHABLE(`${where}: ${why}`, { cause });
    }
  }

  #line({ pair, member, address, credentials }: MemberPlace): Client {
    const { adminPort } = pair.spec.hallServer;
    const { uid } = pair.metadata;
    const key = `${uid} ${member}`;
    const fingerprint = `${address} ${adminPort} ${credentials.fingerprint}`;
    const known = this.#lines.get(key);
    if (known?.fingerprint === fingerprint && !known.client.destroyed) {
      this.#lines.delete(key);
      this.#lines.set(key, known);
      return known.client;
    }
    void known?.client.destroy();
    const { trustDomain } = credentials;
    const tls = clientTls(credentials.own, credentials.trust, {
      expected: { kind: 'member', trustDomain, pairUid: uid, name: member },
    });
    const host = isIPv6(address) ? `[${address}]` : address;
    const client = new Client(`https://${host}:${adminPort}`, {
      connect: { ...tls, timeout: callMaxMs },
      // Decision 0030: giving up a request over HTTP/2 may never end.
      allowH2: false,
      headersTimeout: callMaxMs,
      bodyTimeout: callMaxMs,
      pipelining: 1,
    });
    this.#lines.set(key, { client, fingerprint });
    this.#bound();
    return client;
  }

  #bound(): void {
    for (const [key, { client }] of this.#lines) {
      if (this.#lines.size <= connectionsMax) return;
      this.#lines.delete(key);
      void client.destroy();
    }
  }
}

function wordsOf(text: string): string {
  try {
    const said = (JSON.parse(text) as { readonly error?: unknown }).error;
    return typeof said === 'string' ? said.slice(0, 500) : '';
  } catch {
    return '';
  }
}
