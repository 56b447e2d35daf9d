import { blockedReasons } from '#lib/pair/explain.ts';
import { takeoverReasons } from '#lib/pair/member-state.ts';
import { pairModes } from '#lib/pair/pair-record.ts';
import { defineFamilies } from '#lib/exposition/family.ts';
import { failoverPhases } from './contract-status.ts';
import { sliceOutcomes } from './route-slice.ts';

const pairLabels = { hall: 'any', pair: 'any', member: 'any' } as const;
const since = '0.1.0';
/** Outcomes of an update that leave the name where it was. */
export const dnsFailureReasons = ['refused', 'unauthenticated', 'superseded', 'foreign', 'failed'] as const;

const pairRoles = ['primary', 'standby', 'none'] as const;
const pairPaths = ['heartbeat', 'sql', 'stream'] as const;
export const canaryKinds = ['local', 'sync', 'remote'] as const;

/** Every family of the member agent. */
export const memberFamilies = defineFamilies({
  role: {
    name: 'hallkeeper_pair_role',
    kind: 'gauge',
    labels: { ...pairLabels, role: pairRoles },
    help: 'Role of the PostgreSQL of this member: 1 for the one it has, 0 for the others.',
    since,
  },
  mode: {
    name: 'hallkeeper_pair_mode',
    kind: 'gauge',
    labels: { ...pairLabels, mode: pairModes },
    help: 'Mode of the pair as this member last read it from the arbiter: 1 for the one it has, 0 for the others.',
    since,
  },
  epoch: {
    name: 'hallkeeper_pair_epoch',
    kind: 'gauge',
    labels: pairLabels,
    help: 'Epoch of the pair as this member last read it; it rises whenever the member that leads changes.',
    since,
  },
  possible: {
    name: 'hallkeeper_pair_failover_possible',
    kind: 'gauge',
    labels: pairLabels,
    help: 'Whether a failover without loss is possible now, seen from this member: 1 or 0.',
    since,
  },
  blocked: {
    name: 'hallkeeper_pair_failover_blocked',
    kind: 'gauge',
    labels: { ...pairLabels, reason: blockedReasons },
    help: 'Why a failover without loss is not possible now: 1 for the reason, 0 for the others.',
    since,
  },
  serving: {
    name: 'hallkeeper_pair_serving',
    kind: 'gauge',
    labels: pairLabels,
    help: 'Whether clients are served by this member: 1 or 0.',
    since,
  },
  canarySuccess: {
    name: 'hallkeeper_pair_canary_last_success_timestamp_seconds',
    kind: 'gauge',
    unit: 'seconds',
    labels: { ...pairLabels, canary: canaryKinds },
    help: 'When a probe write of this member last succeeded: local waits for nobody, sync waits as clients do, remote goes to the peer.',
    since,
  },
  canarySeconds: {
    name: 'hallkeeper_pair_canary_seconds',
    kind: 'histogram',
    unit: 'seconds',
    labels: { ...pairLabels, canary: canaryKinds },
    help: 'How long successful probe writes of this member took. A sync one that comes back within a period proves the local disk too: then there is no local write.',
    since,
    bounds: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
  },
  lagBytes: {
    name: 'hallkeeper_pair_replication_lag_bytes',
    kind: 'gauge',
    unit: 'bytes',
    labels: pairLabels,
    help: 'WAL that the standby has not flushed yet, seen by the primary. Absent while no standby streams.',
    since,
  },
  diskFree: {
    name: 'hallkeeper_pair_disk_free_bytes',
    kind: 'gauge',
    unit: 'bytes',
    labels: pairLabels,
    help: 'Free room for PostgreSQL on the file system of its data. Absent when it cannot be asked.',
    since,
  },
  diskSize: {
    name: 'hallkeeper_pair_disk_size_bytes',
    kind: 'gauge',
    unit: 'bytes',
    labels: pairLabels,
    help: 'Size of the file system of the data. Absent when it cannot be asked.',
    since,
  },
  failovers: {
    name: 'hallkeeper_pair_failovers_total',
    kind: 'counter',
    labels: { ...pairLabels, reason: takeoverReasons },
    help: 'Take-overs that this member finished since its agent started, by what led to them.',
    since,
  },
  phase: {
    name: 'hallkeeper_pair_failover_phase_seconds',
    kind: 'gauge',
    unit: 'seconds',
    labels: { ...pairLabels, phase: failoverPhases },
    help: 'Phases of the last take-over that this member finished. Absent before the first.',
    since,
  },
  unavailable: {
    name: 'hallkeeper_pair_write_unavailable_seconds_total',
    kind: 'counter',
    unit: 'seconds',
    labels: pairLabels,
    help: 'Time without acknowledged writes in the take-overs that this member finished since its agent started.',
    since,
  },
  path: {
    name: 'hallkeeper_pair_path_up',
    kind: 'gauge',
    labels: { ...pairLabels, path: pairPaths },
    help: 'Whether each path to the peer works: heartbeats between agents, SQL probes (told by the standby), the replication stream.',
    since,
  },
  arbiter: {
    name: 'hallkeeper_pair_arbiter_up',
    kind: 'gauge',
    labels: pairLabels,
    help: 'Whether the last request of this member to the arbiter was answered: 1 or 0.',
    since,
  },
  falseAcks: {
    name: 'hallkeeper_pair_false_ack_warnings_total',
    kind: 'counter',
    labels: pairLabels,
    help: 'Commits that PostgreSQL acknowledged although their wait for the standby was cancelled (warning 01000), seen by agent and hall server.',
    since,
  },
  loweredCommits: {
    name: 'hallkeeper_pair_lowered_commits',
    kind: 'gauge',
    labels: pairLabels,
    help: 'Roles and databases for which synchronous_commit is lowered, and databases with unlogged tables: a failover may lose such commits though they were acknowledged; at most 20. Told by the primary.',
    since,
  },
  dnsUpdates: {
    name: 'hallkeeper_dns_updates_total',
    kind: 'counter',
    labels: { ...pairLabels, server: 'any' },
    help: 'Attempts to make the name of the pair point to this member, by DNS server.',
    since,
  },
  dnsFailures: {
    name: 'hallkeeper_dns_update_failures_total',
    kind: 'counter',
    labels: { ...pairLabels, server: 'any', reason: dnsFailureReasons },
    help: 'Attempts that did not make the name of the pair point to this member, by DNS server and reason.',
    since,
  },
  dnsEpoch: {
    name: 'hallkeeper_dns_record_epoch',
    kind: 'gauge',
    labels: { ...pairLabels, server: 'any' },
    help: 'Epoch under which this member last made the name of the pair point to itself, by DNS server.',
    since,
  },
  serviceUpdates: {
    name: 'hallkeeper_pair_service_updates_total',
    kind: 'counter',
    labels: { ...pairLabels, outcome: sliceOutcomes },
    help: 'Attempts of this member to make the Service of the pair lead to itself, by how they ended. Absent where the pair has none.',
    since,
  },
});
