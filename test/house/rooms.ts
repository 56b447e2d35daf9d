/** Everything under these folders is ours to judge; a room is the longest entry that a path begins with. */
export interface Room {
  /** Folder from the root. */
  readonly room: string;
  /** Rooms whose files it may import besides its own; `lib` stands for every room below lib/. */
  readonly mayImport: readonly string[];
  /** Exceptions to `mayImport`. */
  readonly never?: readonly string[];
  /** False: no `node:` module. */
  readonly node?: false;
  /** Told when the rule is broken. */
  readonly because: string;
}

/** Rooms under lib/: what programs share. */
const shared: readonly Room[] = [
  { room: 'lib/base', mayImport: [], because: 'all rooms stand on it' },
  { room: 'lib/api', mayImport: [], because: 'it is generated from the CRDs, and hand-written code in it is overwritten' },
  { room: 'lib/pair', mayImport: ['lib/base'], node: false, because: 'same input, same output: the protocol touches nothing' },
  { room: 'lib/devices', mayImport: ['lib/base'], node: false, because: 'only the owner of a port may open it' },
  { room: 'lib/exposition', mayImport: ['lib/base'], because: 'it encodes, others serve; it knows no product' },
  { room: 'lib/http', mayImport: ['lib/base', 'lib/exposition'], because: 'it serves health and metrics, it knows no product' },
  { room: 'lib/kube', mayImport: ['lib/base'], because: 'it knows no product' },
  { room: 'lib/journal', mayImport: ['lib/base'], because: 'it stores bytes, it knows no meaning' },
  { room: 'lib/dns', mayImport: ['lib/base'], because: 'it speaks a protocol, it knows no product' },
  { room: 'lib/pki', mayImport: ['lib/base'], because: 'it makes and checks certificates, it knows no program' },
  { room: 'lib/link', mayImport: ['lib/base'], because: 'it carries messages, it knows no program' },
  { room: 'lib/etcd', mayImport: ['lib/base'], because: 'it speaks a protocol, it knows no product' },
  { room: 'lib/postgres', mayImport: ['lib/base'], because: 'it obeys, it does not decide' },
  { room: 'lib/availability', mayImport: ['lib/base'], because: 'it computes from a history that it is given' },
];

/** Programs. What one publishes to others is its contract.ts, which every room below lib/ is too low to use. */
const programs: readonly Room[] = [
  { room: 'agents/member', mayImport: ['lib'], because: 'failover works without the operator' },
  { room: 'agents/terminal', mayImport: ['lib'], because: 'a terminal plays on without hall and operator' },
  { room: 'hall', mayImport: ['lib'], never: ['lib/kube'], because: 'a hall plays on without the cluster' },
  ...['terminal', 'cash-register', 'session'].map((name) => ({
    room: `exporters/${name}`,
    mayImport: ['lib'],
    never: ['lib/pair', 'lib/kube'],
    because: 'an exporter observes, it cannot act',
  })),
  { room: 'operator', mayImport: ['lib'], because: 'it is never on the data path' },
  { room: 'console', mayImport: ['lib'], because: 'it speaks the wire formats of the programs' },
  { room: 'cli', mayImport: ['lib'], because: 'same pure code, own process' },
];

/** What is no part of the product: it may look into programs, and nothing of the product may look into it. */
const aroundIt: readonly Room[] = ['alerts', 'demo', 'grafana-dashboards', 'scripts', 'test'].map((room) => ({
  room,
  mayImport: ['lib', 'alerts', 'demo', 'grafana-dashboards', 'scripts', 'test'],
  because: 'it is around the product: it may use contracts, not the inside of a program',
}));

export const rooms: readonly Room[] = [...shared, ...programs, ...aroundIt];

export const programRooms: readonly string[] = programs.map(({ room }) => room);

/** The room of a file, or undefined for a file at the root or in a folder that the table does not know. */
export function roomOf(path: string): Room | undefined {
  return rooms.find(({ room }) => path.startsWith(`${room}/`));
}

/** Tests and the fakes and builders for them. They may use other rooms below lib/, and test/. */
export function isTestCode(path: string): boolean {
  return path.endsWith('.test.ts') || path.includes('/testing/') || path.startsWith('test/');
}

/** Made by a generator: its shape is not for people to keep. */
export function isGenerated(path: string): boolean {
  return path.endsWith('.gen.ts') || /^lib\/(link|etcd)\/gen\//.test(path);
}

/** Code that people run, or that runs tests: it may read the environment and the clock. */
export function isOutsideProduct(path: string): boolean {
  return isTestCode(path) || /^(alerts|demo|grafana-dashboards|scripts)\//.test(path) || !path.includes('/');
}
