import { defaultLimits } from '../limits.ts';
import { leadership, startMember } from '../member-state.ts';
import type { ArbiterView, CanaryView, Heartbeat, LocalPostgres, MemberState, Operation, PeerView } from '../member-state.ts';
import { admit, claim, degrade, found, identify, newRecord, open } from '../pair-record.ts';
import type { PairRecord } from '../pair-record.ts';

/** The instant at which every built member stands, in milliseconds of its clock. */
export const now = 1_000_000;

/** So many milliseconds before `now`. */
export const ago = (ms: number): number => now - ms;

const by = (author: string): { readonly author: string; readonly reason: string } => ({ author, reason: 'test' });
const founded = found(newRecord, by('a'));
const solo = identify(founded, '7', by('a'));
const sync = admit(solo, by('a'));
const claimed = claim(sync, by('b'));

/** Records in the order in which a pair goes through them: `a` founds and admits `b`, which claims and opens. */
export const records = {
  created: newRecord,
  founded,
  solo,
  sync,
  degraded: degrade(sync, by('a')),
  claimed,
  opened: open(claimed, by('b')),
};

/** A PostgreSQL of each role that is entirely well, with data that the record names. */
export const wellPrimary: LocalPostgres = {
  process: 'running',
  role: 'primary',
  names: 'peer',
  data: 'complete',
  systemIdentifier: '7',
  upstream: false,
  streaming: false,
  consistent: false,
  timeline: 3,
  flush: 5_000n,
  replay: 5_000n,
  peerAttached: true,
  peerFlush: 5_000n,
  recovered: 1_000n,
  look: 1,
  left: [],
};
export const wellStandby: LocalPostgres = {
  ...wellPrimary,
  role: 'standby',
  names: 'gate',
  upstream: true,
  streaming: true,
  consistent: true,
  peerAttached: false,
  peerFlush: 0n,
};
export const downPostgres: Partial<LocalPostgres> = {
  process: 'down',
  names: 'gate',
  upstream: false,
  streaming: false,
  peerAttached: false,
};

type Canaries = MemberState['canaries'];

/** What matters to a test; everything else is as in a synchronous pair that is well. */
export interface MemberWish extends Partial<Omit<MemberState, 'arbiter' | 'postgres' | 'peerView' | 'canaries' | 'operation'>> {
  readonly record?: PairRecord | undefined;
  readonly arbiter?: Partial<ArbiterView>;
  readonly postgres?: Partial<LocalPostgres>;
  readonly heartbeat?: Partial<Heartbeat>;
  readonly peerView?: Partial<PeerView>;
  readonly canaries?: { readonly [Which in keyof Canaries]?: Partial<CanaryView> };
  /** An operation under way, decided on the record of the wish. */
  readonly operation?: Operation;
  /** That operation was aborted already. */
  readonly aborted?: boolean;
}

/** A member `a` or `b` whose last event was `now`. Without a wish it is the standby `b` of the primary `a`, in mode SYNC. */
export function aMember(wish: MemberWish = {}): MemberState {
  const { arbiter, postgres, heartbeat, peerView, canaries, operation, aborted = false, record: _record, ...rest } = wish;
  const self = wish.self ?? 'b';
  const record = 'record' in wish ? wish.record : records.sync;
  const leads = record?.primary === self;
  const local: LocalPostgres = { ...(leads ? wellPrimary : wellStandby), ...postgres };
  const start = startMember({
    self,
    peer: self === 'a' ? 'b' : 'a',
    founder: 'a',
    limits: defaultLimits,
    whenStandbyLost: 'continue',
    paused: false,
    nowMs: now,
    postgres: local,
  });
  const probed = (wanted: Partial<CanaryView> = {}): CanaryView => {
    const okMs = wanted.okMs ?? now;
    return { okMs, answeredMs: okMs, pendingSinceMs: undefined, last: 'ok', ...wanted };
  };
  return {
    ...start,
    startedMs: ago(60_000),
    provenBehindGate: local.process === 'running' && local.role === 'primary' && local.names === 'gate',
    recoveryShared: local.process === 'running' && local.role === 'primary' && local.peerFlush >= local.recovered,
    detachedSinceMs: local.streaming ? undefined : now,
    streamingSinceMs: local.streaming ? ago(60_000) : undefined,
    peerDetachedSinceMs: local.peerAttached ? undefined : now,
    arbiter: {
      ...start.arbiter,
      seen: record === undefined ? undefined : { record, version: '100' },
      settled: true,
      settledMs: now,
      ...arbiter,
    },
    peerView: {
      ...start.peerView,
      link: 'connected',
      heartbeat: { ...wellHeartbeat(start.peer, record, !leads), ...heartbeat },
      ...peerView,
    },
    canaries: {
      local: probed(canaries?.local),
      sync: probed(canaries?.sync),
      remote: probed(canaries?.remote),
    },
    ...(operation === undefined ? {} : { operation: { id: 7, what: operation, sinceMs: now, aborted, under: leadership(record) } }),
    ...rest,
  };
}

/** The primary `a` of the same pair. */
export function aPrimary(wish: MemberWish = {}): MemberState {
  return aMember({ self: 'a', ...wish });
}

function wellHeartbeat(from: string, record: PairRecord | undefined, primary: boolean): Heartbeat {
  return {
    from,
    record:
      record === undefined ? undefined : { sequence: record.sequence, mode: record.mode, epoch: record.epoch, primary: record.primary },
    postgres: 'running',
    role: primary ? 'primary' : 'standby',
    data: 'complete',
    timeline: 3,
    flush: 5_000n,
    replay: 5_000n,
    localCanaryAgeMs: 20,
    handingOver: false,
    stopping: false,
    leaving: undefined,
    letsGo: undefined,
    acknowledged: primary ? 5_000n : 0n,
    committed: primary ? 4_900n : 0n,
    healthy: true,
    standing: { arbiterReached: true, paused: false, stuck: undefined, copying: false, frozen: false },
  };
}
