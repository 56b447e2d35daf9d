import { expect, test } from 'vitest';
import { decideTerminalState } from './decide-terminal-state.ts';
import type { TerminalView } from './decide-terminal-state.ts';
import { heartbeatDefaults } from './heartbeat-limits.ts';

/** A terminal that is online and plays; a row changes what matters. */
const aView = (wish: Partial<TerminalView>): TerminalView => ({
  inMaintenance: false,
  maintenanceWhy: 'suspended',
  watchedMs: 600_000,
  acceptBacklog: false,
  silentMs: 400,
  localApi: 'working',
  progressStillMs: 1_000,
  uptimeMs: 300_000,
  recentCalls: 60,
  recentFailures: 0,
  ...wish,
});

const dead = { silentMs: 60_000, localApi: 'failing', recentFailures: 60 } as const;

test.each<[string, Partial<TerminalView>, string]>([
  ['it plays', {}, 'online'],
  ['maintenance outranks everything', { ...dead, inMaintenance: true }, 'maintenance'],
  ['maintenance outranks that nobody watched', { inMaintenance: true, silentMs: undefined, watchedMs: 0 }, 'maintenance'],

  ['not heard in its grace', { silentMs: undefined, watchedMs: 4_999 }, 'unknown'],
  ['not heard when the grace ends', { silentMs: undefined, watchedMs: 5_000 }, 'offline'],
  ['not heard, but others still wait to be accepted', { silentMs: undefined, watchedMs: 20_000, acceptBacklog: true }, 'unknown'],
  ['heard once, a backlog excuses nothing', { silentMs: 5_000, acceptBacklog: true }, 'offline'],

  ['silent just below offlineAfter', { silentMs: 4_999 }, 'online'],
  ['silent for offlineAfter', { silentMs: 5_000 }, 'offline'],
  ['offline outranks hung and communication errors', dead, 'offline'],

  ['its local API fails', { localApi: 'failing' }, 'hung'],
  ['no progress just below hungAfter', { progressStillMs: 9_999 }, 'online'],
  ['no progress for hungAfter', { progressStillMs: 10_000 }, 'hung'],
  ['no first report just below startTimeout', { progressStillMs: undefined, uptimeMs: 119_999 }, 'online'],
  ['no first report within startTimeout', { progressStillMs: undefined, uptimeMs: 120_000 }, 'hung'],
  ['an agent that serves no game proves nothing by its silence', { localApi: 'absent', progressStillMs: undefined }, 'online'],
  ['a game that reported once must go on, whatever the agent serves', { localApi: 'absent', progressStillMs: 10_000 }, 'hung'],
  ['hung outranks communication errors', { progressStillMs: 10_000, recentFailures: 60 }, 'hung'],

  ['too many failures of too few calls', { recentCalls: 19, recentFailures: 19 }, 'online'],
  ['failures just below the percentage', { recentCalls: 100, recentFailures: 19 }, 'online'],
  ['failures at the percentage', { recentCalls: 100, recentFailures: 20 }, 'commError'],
  ['exactly the fewest calls, exactly the percentage', { recentCalls: 20, recentFailures: 4 }, 'commError'],
])('%s', (_behaviour, wish, state) => {
  expect(decideTerminalState(aView(wish), heartbeatDefaults).state).toBe(state);
});

test('a grace shorter than the silence allowed to others judges nobody earlier', () => {
  const limits = { ...heartbeatDefaults, graceMs: 0 };
  expect(decideTerminalState(aView({ silentMs: undefined, watchedMs: 4_999 }), limits).state).toBe('unknown');
  expect(decideTerminalState(aView({ silentMs: undefined, watchedMs: 5_000 }), limits).state).toBe('offline');
});

test('the reason is the same while the state stays, so that nothing changes where nothing happened', () => {
  const reasons = [10_000, 10_250, 99_000].map((progressStillMs) => decideTerminalState(aView({ progressStillMs }), heartbeatDefaults).why);
  expect(new Set(reasons).size).toBe(1);
});
