import { createServer } from 'node:https';
import type { IncomingMessage, Server } from 'node:http';
import type { TLSSocket } from 'node:tls';
import type { AskRequest, MemberSettings, MemberStatus } from '#agents/member/contract.ts';
import type { MemberFacts } from '#lib/pair/member-facts.ts';
import { aStandbyFacts } from '#lib/pair/testing/pair-facts.ts';
import { trustDomainDefault } from '#lib/pki/trust-domain.ts';
import { pairAuthority, peerIdentity, serverTls } from '#lib/pki/trust.ts';

/** The administration endpoint of a member whose answers a test chooses, under the certificate that the operator issued to it. */
export interface StandInMember extends AsyncDisposable {
  /** What `GET /v1/status` answers; a test replaces it. */
  status: MemberStatus;
  readonly pushed: readonly { readonly revision: string; readonly token: string }[];
  /** What the operator asked of it, in order. */
  readonly asked: readonly (AskRequest & { readonly what: string })[];
}

/** What a test wants of a status. */
export type MemberStatusWish = Partial<Omit<MemberStatus, 'facts'>> & { readonly facts?: Partial<MemberFacts> };

/** A standby that is well, with what goes together changed together. */
export function aMemberStatus({ facts, ...change }: MemberStatusWish = {}): MemberStatus {
  const { member = 'a', role = 'standby', arbiterReached = true } = change;
  return {
    member: 'a',
    version: '0.1.0',
    settingsRevision: 'none',
    record: undefined,
    role: 'standby',
    serving: false,
    step: 'following',
    stepSeconds: 5,
    timeline: 1,
    flushPosition: '0/3000000',
    positionExact: true,
    past: undefined,
    lagBytes: undefined,
    peerHeard: true,
    arbiterReached: true,
    blockedBy: undefined,
    facts: {
      ...aStandbyFacts({ name: member, record: undefined, arbiterReached }),
      ...(role === 'primary' ? { role, waitsFor: 'peer' as const } : {}),
      ...facts,
    },
    peer: undefined,
    diskFreePercent: 60,
    loweredCommits: [],
    systemIdentifier: '7400000000000000000',
    certificateExpiresAt: '2027-01-01T00:00:00Z',
    dns: [],
    failovers: [],
    service: undefined,
    operations: [],
    ...change,
  };
}

export async function startStandInMember(settings: MemberSettings): Promise<StandInMember> {
  const { tls, pair, self, adminPort, trustDomain, revision } = settings;
  const trust = [pairAuthority(tls.authority, { trustDomain, pairUid: pair.uid })];
  const own = { certificatePem: tls.certificate, privateKeyPem: tls.key };
  const pushed: { readonly revision: string; readonly token: string }[] = [];
  const asked: (AskRequest & { readonly what: string })[] = [];
  const member = { status: aMemberStatus({ member: self.name, settingsRevision: revision }) };
  const serve = async (request: IncomingMessage): Promise<unknown> => {
    peerIdentity(request.socket as TLSSocket, trust, { kind: 'operator', trustDomain: trustDomainDefault });
    const body = await readAll(request);
    if (request.method === 'PUT') {
      const { settings: next, token } = JSON.parse(body) as { readonly settings: { readonly revision: string }; readonly token: string };
      pushed.push({ revision: next.revision, token });
      member.status = { ...member.status, settingsRevision: next.revision };
      return {};
    }
    if (request.method === 'POST') {
      asked.push({ what: request.url?.split('/').at(-1) ?? '', ...(JSON.parse(body) as AskRequest) });
      return {};
    }
    return member.status;
  };
  const server: Server = createServer(serverTls(own, trust), (request, response) => {
    serve(request).then(
      (answer) => response.end(JSON.stringify(answer)),
      (error: unknown) => {
        response.statusCode = 400;
        response.end(JSON.stringify({ error: String(error) }));
      },
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(adminPort, self.address, resolve);
  });
  return {
    get status() {
      return member.status;
    },
    set status(next) {
      member.status = next;
    },
    pushed,
    asked,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => void server.close(() => resolve()));
    },
  };
}

async function readAll(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request.setEncoding('utf8') as AsyncIterable<string>) text += chunk;
  return text;
}
