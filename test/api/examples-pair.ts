import { refusedParameters } from '#lib/postgres/parameters.ts';
import { aPair } from './builders.ts';
import { duration, pattern } from './rule-example.ts';
import type { KindExamples, RuleExample } from './rule-example.ts';

const condition = { type: 'Ready', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z', reason: 'Delivered', message: '' };
const resources = { requests: { key: '500m' }, limits: { key: '1Gi' } };
const dns = {
  zone: 'halls.example.org',
  name: 'hall7.halls.example.org',
  servers: [{ address: '10.20.0.53' }],
  tsigKeyName: 'hall7.',
  tsigSecretRef: { name: 'tsig', key: 'secret' },
};

const base = {
  ...aPair({
    spec: {
      preferredPrimary: 'a',
      postgresql: { port: 5432, parameters: { key: '1' }, databases: [{ name: 'games', owner: 'games' }] },
      detection: { period: '100ms' },
      dns: { ...dns, tsigKeyName: 'hall7' },
      service: { name: 'hall7', ports: [{ name: 'postgresql', port: 5432 }] },
      hallServer: { port: 7443, adminPort: 7444, metricsPort: 7445, resources },
    },
  }),
  status: {
    conditions: [condition],
    mode: 'Sync',
    primary: 'a',
    members: [{ name: 'a', role: 'Primary', lag: 'None' }],
  },
};

const hosts = (a: string, b: string): object[] => [
  { name: 'a', host: { address: a } },
  { name: 'b', host: { address: b } },
];
const pods = [
  { name: 'a', pod: { storage: '20Gi', resources } },
  { name: 'b', pod: { storage: '20Gi' } },
];
/** Pods have no addresses, and no Service in front of them that follows addresses. */
const asPods = { 'spec.members': pods };
const etcd = { endpoints: ['https://10.20.0.13:2379'], tlsSecretRef: { name: 'etcd' } };

const members: readonly RuleExample[] = [
  {
    at: 'spec.members',
    rule: 'both members must be of the same kind',
    accepted: asPods,
    refused: { 'spec.members': [pods[0], { name: 'b', host: { address: '10.20.0.12' } }] },
  },
  {
    at: 'spec.members',
    rule: 'the members must have different addresses',
    accepted: { 'spec.members': hosts('10.20.0.11', '10.20.0.13') },
    refused: { 'spec.members': hosts('10.20.0.11', '10.20.0.11') },
  },
  {
    at: 'spec.members',
    rule: 'the addresses of both members must be IPv4',
    accepted: { 'spec.members': hosts('2001:db8::1', '2001:db8::2') },
    refused: { 'spec.members': hosts('10.20.0.11', '2001:db8::2') },
  },
  {
    at: 'spec.members',
    rule: 'one member on a loopback address',
    accepted: { 'spec.service': undefined, 'spec.members': hosts('127.0.0.1', '127.0.0.2') },
    refused: { 'spec.service': undefined, 'spec.members': hosts('127.0.0.1', '10.20.0.12') },
  },
  {
    at: 'spec.members',
    rule: 'the names of the members never change',
    before: {},
    accepted: { 'spec.members': hosts('10.20.0.11', '10.20.0.12').toReversed() },
    refused: {
      'spec.preferredPrimary': undefined,
      'spec.members': [...hosts('10.20.0.11', '').slice(0, 1), { name: 'c', host: { address: '10.20.0.12' } }],
    },
  },
  {
    at: 'spec.members',
    rule: 'a member stays what it is',
    before: {},
    accepted: { 'spec.paused': true },
    refused: asPods,
  },
  {
    at: 'spec.members',
    rule: 'change the address of one member at a time',
    before: { status: {} },
    accepted: { 'spec.members': hosts('10.20.0.21', '10.20.0.12') },
    refused: { 'spec.members': hosts('10.20.0.21', '10.20.0.22') },
  },
  {
    at: '',
    rule: 'the address of the primary cannot change',
    before: {},
    accepted: { 'spec.members': hosts('10.20.0.11', '10.20.0.22') },
    refused: { 'spec.members': hosts('10.20.0.21', '10.20.0.12') },
    says: 'the address of a cannot change while it is the primary; switch over to the other member first',
  },
  {
    at: 'spec.members[]',
    rule: 'give each member either host',
    accepted: asPods,
    refused: { 'spec.members': [{ name: 'a' }, { name: 'b' }] },
  },
  {
    at: 'spec.members[].name',
    rule: 'pattern',
    accepted: { 'spec.preferredPrimary': 'server1', 'spec.members[].name': 'server1' },
    refused: { 'spec.members[].name': 'server-1' },
  },
  {
    at: 'spec.members[].name',
    rule: 'ca is the name',
    accepted: { 'spec.preferredPrimary': 'cb', 'spec.members[].name': 'cb' },
    refused: { 'spec.preferredPrimary': 'ca', 'spec.members[].name': 'ca' },
  },
  {
    at: 'spec.members[].host.address',
    rule: 'address must be an IP address',
    accepted: { 'spec.members[].host.address': '192.0.2.7' },
    refused: { 'spec.members[].host.address': 'server1.example.org' },
  },
  {
    at: 'spec.members[].host.address',
    rule: 'write the address in its canonical form',
    accepted: { 'spec.members': hosts('2001:db8::1', '2001:db8::2') },
    refused: { 'spec.members': hosts('2001:DB8:0::1', '2001:db8::2') },
  },
  ...['169.254.1.1', '0.0.0.0', '224.0.0.1', '255.255.255.255'].map((refused) => ({
    at: 'spec.members[].host.address',
    rule: 'address must not be unspecified',
    accepted: { 'spec.members[].host.address': '172.16.0.1' },
    refused: { 'spec.members[].host.address': refused },
  })),
  {
    at: 'spec.members[].pod.storage',
    rule: 'storage must be a size',
    accepted: { ...asPods, 'spec.members[].pod.storage': '1.5Ti' },
    refused: { ...asPods, 'spec.members[].pod.storage': '20 GB' },
  },
  ...['requests', 'limits'].map((which) => ({
    at: `spec.members[].pod.resources.${which}{}`,
    rule: 'pattern',
    accepted: { ...asPods, [`spec.members[].pod.resources.${which}{}`]: 2 },
    refused: { ...asPods, [`spec.members[].pod.resources.${which}{}`]: '2 cores' },
  })),
];

const detection: readonly RuleExample[] = [
  ...duration('spec.detection.period', '20ms', '19ms', '20ms to 500ms'),
  ...duration('spec.detection.suspectAfter', '999ms', '1201ms', '40ms to 1200ms'),
  ...duration('spec.detection.degradeAfter', '200ms', '39ms', '40ms to 1200ms'),
  ...duration('spec.detection.degradeSlowAfter', '1m', '61s', '40ms to 1m'),
  ...duration('spec.detection.canaryStaleAfter', '999ms', '1201ms', '40ms to 1200ms'),
  ...['suspectAfter', 'degradeAfter', 'degradeSlowAfter', 'canaryStaleAfter'].map((name) => ({
    at: 'spec.detection',
    rule: 'suspectAfter, degradeAfter, degradeSlowAfter and canaryStaleAfter must each',
    accepted: { 'spec.detection': { period: '100ms', degradeAfter: '200ms' } },
    refused: { 'spec.detection': { period: '100ms', degradeAfter: '200ms', [name]: '199ms' } },
  })),
  {
    at: 'spec.detection',
    rule: 'degradeAfter plus two periods',
    accepted: { 'spec.detection': { degradeAfter: '349ms' } },
    refused: { 'spec.detection': { degradeAfter: '350ms' } },
  },
  {
    at: 'spec.detection',
    rule: 'degradeSlowAfter must be above',
    accepted: { 'spec.detection': { degradeSlowAfter: '301ms' } },
    refused: { 'spec.detection': { degradeSlowAfter: '300ms' } },
  },
  ...['suspectAfter', 'canaryStaleAfter'].map((name) => ({
    at: 'spec.detection',
    rule: 'suspectAfter and canaryStaleAfter must each stay below',
    accepted: { 'spec.detection': { [name]: '999ms' } },
    refused: { 'spec.detection': { [name]: '1s' } },
  })),
];

/** What PostgreSQL's own room refuses, the definition refuses too: whole names, and beginnings of names. */
const refusedKeys = Object.keys(refusedParameters).sort();
const names = refusedKeys.filter((key) => !key.endsWith('*'));
const beginnings = refusedKeys.filter((key) => key.endsWith('*')).map((key) => key.slice(0, -1));

const postgresql: readonly RuleExample[] = [
  {
    at: 'spec.postgresql.parameters',
    rule: 'parameters must be names',
    accepted: { 'spec.postgresql.parameters': { shared_buffers: '1GB', 'pg_stat_statements.max': '1000' } },
    refused: { 'spec.postgresql.parameters': { Shared_Buffers: '1GB' } },
  },
  {
    at: 'spec.postgresql.parameters',
    rule: 'these parameters belong to the member agent',
    accepted: { 'spec.postgresql.parameters': { work_mem: '64MB' } },
    refused: { 'spec.postgresql.parameters': { work_mem: '64MB', ...Object.fromEntries(names.map((name) => [name, 'x'])) } },
    says: `remove from parameters, because the member agent sets them itself: ${names.join(' ')}`,
  },
  ...beginnings.map((beginning) => ({
    at: 'spec.postgresql.parameters',
    rule: 'parameters that begin with',
    accepted: { 'spec.postgresql.parameters': { random_page_cost: '1.1' } },
    refused: { 'spec.postgresql.parameters': { [`${beginning}x`]: 'x' } },
  })),
  pattern('spec.postgresql.parameters{}', "'$libdir', 1 = 1", 'on\nfsync = off'),
  pattern('spec.postgresql.databases[].name', '_games_2', 'Games'),
  {
    at: 'spec.postgresql.databases[].name',
    rule: 'postgres, template0, template1, hallkeeper, all',
    accepted: { 'spec.postgresql.databases[].name': 'hallkeeper2' },
    refused: { 'spec.postgresql.databases[].name': 'hallkeeper' },
  },
  pattern('spec.postgresql.databases[].owner', 'games_owner', 'games-owner'),
  ...['postgres', 'public', 'pg_monitor', 'hallkeeper_hall'].map((refused) => ({
    at: 'spec.postgresql.databases[].owner',
    rule: 'postgres, all, public, none and roles that begin',
    accepted: { 'spec.postgresql.databases[].owner': 'games' },
    refused: { 'spec.postgresql.databases[].owner': refused },
  })),
];

const ways: readonly RuleExample[] = [
  {
    at: 'spec',
    rule: 'a Service cannot lead to loopback',
    accepted: { 'spec.service': undefined, 'spec.members': hosts('127.0.0.1', '127.0.0.2') },
    refused: { 'spec.members': hosts('127.0.0.1', '127.0.0.2') },
  },
  {
    at: 'spec',
    rule: 'dns cannot be removed',
    before: {},
    accepted: { 'spec.dns.ttl': 5 },
    refused: { 'spec.dns': undefined },
  },
  {
    at: 'spec',
    rule: 'postgresql.port must differ',
    accepted: { 'spec.hallServer.port': 5433 },
    refused: { 'spec.hallServer.adminPort': 5432 },
  },
  {
    at: 'spec',
    rule: 'postgresql.port must differ',
    accepted: { 'spec.hallServer.metricsPort': undefined },
    refused: { 'spec.hallServer.metricsPort': 5432 },
  },
  {
    at: 'spec.arbiter',
    rule: 'choose exactly one arbiter',
    accepted: { 'spec.arbiter': { etcd } },
    refused: { 'spec.arbiter': { etcd, kubernetes: {} } },
  },
  {
    at: 'spec.arbiter',
    rule: 'the arbiter never changes',
    before: {},
    accepted: { 'spec.arbiter': { kubernetes: {} } },
    refused: { 'spec.arbiter': { etcd } },
  },
  {
    at: 'spec.arbiter.etcd.endpoints[]',
    rule: 'pattern',
    accepted: { 'spec.arbiter': { etcd: { ...etcd, endpoints: ['https://[2001:db8::1]:2379'] } } },
    refused: { 'spec.arbiter': { etcd: { ...etcd, endpoints: ['http://10.20.0.13:2379'] } } },
  },
  {
    at: 'spec.dns',
    rule: 'name must lie inside zone',
    accepted: { 'spec.dns.name': 'db.hall7.halls.example.org' },
    refused: { 'spec.dns.name': 'hall7.example.org' },
    says: 'name must end with .halls.example.org',
  },
  {
    at: 'spec.dns',
    rule: 'zone and name never change',
    before: {},
    accepted: { 'spec.dns.servers': [{ address: '10.20.0.54' }, { address: '10.20.0.54', port: 5353 }] },
    refused: { 'spec.dns.name': 'hall8.halls.example.org' },
  },
  {
    at: 'spec.dns.zone',
    rule: 'pattern',
    accepted: { 'spec.dns.zone': '_tcp.example.org', 'spec.dns.name': 'x._tcp.example.org' },
    refused: { 'spec.dns.zone': 'halls.example.org.' },
  },
  pattern('spec.dns.name', 'a-b.halls.example.org', 'Hall7.halls.example.org'),
  {
    at: 'spec.dns.servers[].address',
    rule: 'address must be the IP address',
    accepted: { 'spec.dns.servers[].address': '127.0.0.1' },
    refused: { 'spec.dns.servers[].address': 'ns1.example.org' },
  },
  pattern('spec.dns.tsigKeyName', 'Hall7.Update', 'hall 7'),
  pattern('spec.dns.tsigSecretRef.key', 'tsig.secret', 'tsig secret'),
  pattern('spec.service.name', 'hall7-db', '7hall'),
  pattern('spec.service.ports[].name', 'hall', 'Hall'),
  {
    at: 'spec.hallServer',
    rule: 'hallServer.port, hallServer.adminPort and hallServer.metricsPort',
    accepted: { 'spec.hallServer.port': 7446 },
    refused: { 'spec.hallServer.port': 7444 },
  },
  {
    at: 'spec.hallServer',
    rule: 'hallServer.port, hallServer.adminPort and hallServer.metricsPort',
    accepted: { 'spec.hallServer.metricsPort': 7447 },
    refused: { 'spec.hallServer.metricsPort': 7443 },
  },
  pattern('spec.hallServer.resources.requests{}', '0.5', 'half'),
  pattern('spec.hallServer.resources.limits{}', '512Mi', '512MB'),
];

export const pairExamples: KindExamples = {
  base,
  examples: [
    {
      at: '',
      rule: 'the name of a FailoverPair',
      accepted: { 'metadata.name': 'p'.repeat(40) },
      refused: { 'metadata.name': 'p'.repeat(41) },
    },
    {
      at: '',
      rule: 'names that begin with hall-',
      accepted: { 'metadata.name': 'hall7' },
      refused: { 'metadata.name': 'hall-7' },
    },
    {
      at: '',
      rule: 'the name terminal, and names that begin with terminal-',
      accepted: { 'metadata.name': 'terminals' },
      refused: { 'metadata.name': 'terminal' },
    },
    {
      at: '',
      rule: 'the name terminal, and names that begin with terminal-',
      accepted: { 'metadata.name': 'terminal7' },
      refused: { 'metadata.name': 'terminal-7' },
    },
    {
      at: 'spec',
      rule: 'preferredPrimary must name',
      accepted: { 'spec.preferredPrimary': 'b' },
      refused: { 'spec.preferredPrimary': 'c' },
      says: 'preferredPrimary must be a or b',
    },
    ...members,
    ...detection,
    ...postgresql,
    ...ways,
    pattern('status.conditions[].reason', 'SpecRefused', 'not:valid:'),
  ],
};
