import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { messageOf } from '#lib/base/errors.ts';
import { aPrimaryFacts, aStandbyFacts } from '#lib/pair/testing/pair-facts.ts';
import { formatBundle, formatMemberSettings, parseBundle, parseMemberSettings, parseMemberStatus } from './contract.ts';
import type { EnrolmentBundle, MemberStatus } from './contract.ts';
import { aBundle, anEtcd, someSettings } from './testing/settings.ts';

const settings = someSettings();
const raw = (): Record<string, unknown> => JSON.parse(formatMemberSettings(settings)) as Record<string, unknown>;
const refusal = (parse: (value: unknown) => unknown, value: unknown): string => {
  try {
    parse(value);
    return 'accepted';
  } catch (error) {
    return messageOf(error);
  }
};
const secrets = ['the-private-key', 'the-tsig-secret', 'the-token'];

describe('settings of a member', () => {
  test('read back as they were written, secrets included', () => {
    const read = parseMemberSettings(JSON.parse(formatMemberSettings(settings)));
    expect(read).toEqual(settings);
    expect(read.tls.key.reveal()).toBe('the-private-key');
    expect(read.dns?.tsig.secret.reveal()).toBe('the-tsig-secret');
  });

  test('without DNS, Service and hall server', () => {
    const bare = { ...settings, dns: undefined, service: undefined, hallServer: undefined };
    expect(parseMemberSettings(JSON.parse(formatMemberSettings(bare)))).toEqual(bare);
  });

  test('of a pair whose record is kept by an etcd', () => {
    const kept = { ...settings, arbiter: anEtcd() };
    const text = formatMemberSettings(kept);
    expect(parseMemberSettings(JSON.parse(text))).toEqual(kept);
    expect(text).toContain('the-etcd-key');
    expect(JSON.stringify(kept)).not.toContain('the-etcd-key');
  });

  test('of before there was a choice of arbiters mean Kubernetes, and are written as an older agent reads them', () => {
    expect(raw()).not.toHaveProperty('arbiter');
    expect(parseMemberSettings(raw()).arbiter).toEqual({ kind: 'kubernetes' });
    expect(parseMemberSettings({ ...raw(), arbiter: { kubernetes: {} } }).arbiter).toEqual({ kind: 'kubernetes' });
  });

  const { tls, ...etcd } = anEtcd();
  const wrongArbiters: readonly (readonly [string, object, string])[] = [
    ['none', {}, 'arbiter must have exactly one of kubernetes and etcd'],
    ['two', { kubernetes: {}, etcd: {} }, 'arbiter must have exactly one of kubernetes and etcd'],
    ['another one', { zookeeper: {} }, 'arbiter.zookeeper is not a known setting'],
    [
      'an etcd without encryption',
      { etcd: { ...etcd, endpoints: ['http://10.20.0.13:2379'] } },
      'arbiter.etcd.endpoints[0] must be like https://',
    ],
    ['an etcd without a place', { etcd: { ...etcd, endpoints: [] } }, 'arbiter.etcd.endpoints must have 1 to 7 entries'],
    ['an etcd without certificates', { etcd: { ...etcd, tls: undefined } }, 'arbiter.etcd.tls is required'],
    [
      'a prefix that ends with a slash',
      { etcd: { ...etcd, prefix: '/pairs/', tls } },
      'arbiter.etcd.prefix must be like /hallkeeper/pairs',
    ],
  ];
  for (const [what, arbiter, says] of wrongArbiters) {
    test(`an arbiter that is ${what} is refused`, () => expect(refusal(parseMemberSettings, { ...raw(), arbiter })).toContain(says));
  }

  test('never show a secret by JSON, in a log or in the debugger', () => {
    for (const shown of [JSON.stringify(settings), inspect(settings, { depth: 9 }), JSON.stringify(aBundle()), inspect(aBundle())]) {
      for (const secret of secrets) expect(shown).not.toContain(secret);
    }
  });

  test('everything that is wrong is said at once, and no secret with it', () => {
    const wrong = {
      ...raw(),
      formatVersion: 2,
      self: { name: 'A b', address: '10.0.0.1' },
      adminPort: 0,
      whenStandbyLost: 'perhaps',
      tls: { certificate: 'c', key: { not: 'the-private-key' }, authority: 'a' },
      dns: { zone: 'z', name: 'n', servers: [], tsig: { name: 'k', secret: 7, more: 'the-tsig-secret' } },
      colour: 'red',
    };
    const said = refusal(parseMemberSettings, wrong);
    for (const part of [
      'formatVersion',
      'self.name',
      'adminPort',
      'whenStandbyLost',
      'tls.key',
      'dns.servers',
      'dns.tsig.secret',
      'dns.tsig.more',
      'colour',
    ]) {
      expect(said).toContain(part);
    }
    for (const secret of secrets) expect(said).not.toContain(secret);
  });

  test('a member is not its own peer', () => {
    expect(refusal(parseMemberSettings, { ...raw(), peer: settings.self })).toContain('peer.name must differ from self.name');
  });
});

describe('the enrolment bundle', () => {
  const bundle: EnrolmentBundle = aBundle();
  test('reads back as it was written', () => {
    const read = parseBundle(JSON.parse(formatBundle(bundle)));
    expect(read).toEqual(bundle);
    expect(read.token.reveal()).toBe('the-token');
  });

  test('a server without TLS is refused', () => {
    expect(refusal(parseBundle, { ...JSON.parse(formatBundle(bundle)), server: 'http://10.0.0.1' })).toContain(
      'server must be an https address',
    );
  });
});

describe('the status of a member', () => {
  const status: MemberStatus = {
    member: 'a',
    version: '0.1.0',
    settingsRevision: 'r1',
    record: { mode: 'sync', primary: 'a', epoch: 2, sequence: 9 },
    role: 'primary',
    serving: true,
    step: 'leading; commits wait for the peer',
    stepSeconds: 12,
    timeline: 3,
    flushPosition: '0/5000000',
    positionExact: true,
    past: {
      switches: [{ timeline: 1, end: '0/3000000' }],
      start: 'ab',
      strays: [{ timeline: 4, switches: [{ timeline: 1, end: '0/3000000' }] }],
    },
    lagBytes: 0,
    peerHeard: true,
    arbiterReached: true,
    blockedBy: undefined,
    facts: aPrimaryFacts(),
    peer: aStandbyFacts({ stuck: 'its replay stands still' }),
    diskFreePercent: 71,
    loweredCommits: ['role reports in database app'],
    systemIdentifier: '7300000000000000000',
    certificateExpiresAt: '2027-01-01T00:00:00.000Z',
    dns: [{ server: '10.0.0.2:53', ok: true, why: 'applied after 1 tries' }],
    failovers: [
      {
        epoch: 2,
        reason: 'silence',
        why: 'test',
        from: 'b',
        to: 'a',
        startedAt: '2026-01-01T00:00:00.000Z',
        completedAt: '2026-01-01T00:00:01.000Z',
        phasesMs: { detect: 1, decide: 2, fence: 3, promote: 4, open: 5, route: 6 },
        outageMs: 15,
        positionAtClaim: '0/1000',
        positionAtOpen: '0/1040',
        positionAcknowledged: '0/FF0',
      },
    ],
    service: { slice: 'pair-7-hallkeeper', ok: false, why: 'refused at try 2' },
    operations: [{ id: 'x', what: 'reinitialise', state: 'refused', why: 'the standby does not stream' }],
  };

  const cases: readonly (readonly [string, MemberStatus])[] = [
    ['of a primary that is well', status],
    [
      'of a member that knows nothing yet',
      {
        ...status,
        record: undefined,
        facts: aStandbyFacts({ record: undefined, frozen: 'the record is missing' }),
        peer: undefined,
        past: undefined,
        role: 'none',
        lagBytes: undefined,
        diskFreePercent: undefined,
        loweredCommits: [],
        systemIdentifier: undefined,
        dns: [],
        service: undefined,
        failovers: [],
        operations: [],
      },
    ],
    ['of a blocked pair', { ...status, blockedBy: 'StandbyLost' }],
  ];
  for (const [which, each] of cases)
    test(`${which} reads back as it was written`, () => expect(parseMemberStatus(JSON.parse(JSON.stringify(each)))).toEqual(each));

  test('what a newer agent adds is passed over, at every depth; what an older one would lack is not', () => {
    const newer = {
      ...status,
      colour: 'red',
      record: { ...status.record, term: 3 },
      facts: { ...status.facts, mood: 'good' },
      peer: { ...status.peer, record: { ...status.peer?.record, term: 3 } },
      failovers: status.failovers.map((each) => ({ ...each, weather: 'fair', phasesMs: { ...each.phasesMs, rest: 1 } })),
    };
    expect(parseMemberStatus(JSON.parse(JSON.stringify(newer)))).toEqual(status);
    const { role: _role, ...lacking } = newer;
    expect(refusal(parseMemberStatus, lacking)).toBe('the settings are refused: role is required');
  });
});
