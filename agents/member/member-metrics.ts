import type { Clock } from '#lib/base/clock.ts';
import { MetricSet } from '#lib/exposition/metric-set.ts';
import { pathsOf } from '#lib/pair/decide-claim.ts';
import { recordOf } from '#lib/pair/member-state.ts';
import type { MemberState } from '#lib/pair/member-state.ts';
import { blockedReasons } from '#lib/pair/explain.ts';
import { failoverBlockedBy, outputsOf } from '#lib/pair/outputs.ts';
import type { canaryKinds } from './member-families.ts';
import type { ServerOutcome } from '#lib/dns/publish.ts';
import { failoverPhases } from './contract-status.ts';
import type { FailoverReport } from './contract-status.ts';
import { dnsFailureReasons, memberFamilies as families } from './member-families.ts';
import { sliceOutcomes } from './route-slice.ts';
import type { SliceOutcome } from './route-slice.ts';

type Labels = 'hall' | 'pair' | 'member';

/** The member's families, fed by its states and events. Setting a gauge to what it is costs next to nothing. */
export class MemberMetrics {
  readonly set: MetricSet<Labels>;
  readonly #clock: Clock;
  readonly #role;
  readonly #mode;
  readonly #epoch;
  readonly #possible;
  readonly #blocked;
  readonly #serving;
  readonly #lag;
  readonly #path;
  readonly #arbiter;
  readonly #canarySuccess;
  readonly #canarySeconds;
  readonly #diskFree;
  readonly #diskSize;
  readonly #failovers;
  readonly #phase;
  readonly #unavailable;
  readonly #falseAcks;
  readonly #loweredCommits;
  readonly #dnsUpdates;
  readonly #dnsFailures;
  readonly #dnsEpoch;
  readonly #serviceUpdates;

  constructor(labels: Readonly<Record<Labels, string>>, clock: Clock) {
    const set = new MetricSet<Labels>('pair', labels);
    this.set = set;
    this.#clock = clock;
    this.#role = set.states(families.role, 'role');
    this.#mode = set.states(families.mode, 'mode');
    this.#epoch = set.gauge(families.epoch);
    this.#possible = set.gauge(families.possible);
    this.#blocked = set.gauge(families.blocked);
    this.#serving = set.gauge(families.serving);
    this.#lag = set.gauge(families.lagBytes);
    this.#path = set.gauge(families.path);
    this.#arbiter = set.gauge(families.arbiter);
    this.#canarySuccess = set.gauge(families.canarySuccess);
    this.#canarySeconds = set.histogram(families.canarySeconds);
    this.#diskFree = set.gauge(families.diskFree);
    this.#diskSize = set.gauge(families.diskSize);
    this.#failovers = set.counter(families.failovers);
    this.#phase = set.gauge(families.phase);
    this.#unavailable = set.counter(families.unavailable);
    this.#falseAcks = set.counter(families.falseAcks);
    this.#loweredCommits = set.gauge(families.loweredCommits);
    this.#dnsUpdates = set.counter(families.dnsUpdates);
    this.#dnsFailures = set.counter(families.dnsFailures);
    this.#dnsEpoch = set.gauge(families.dnsEpoch);
    this.#serviceUpdates = set.counter(families.serviceUpdates);
  }

  /** Shows a state of the core. Called when a look or a change brought a new one, not for every tick. */
  show(state: MemberState): void {
    const record = recordOf(state);
    const { postgres } = state;
    const running = postgres.process === 'running';
    this.#role.set({}, running ? postgres.role : 'none');
    if (record !== undefined) {
      this.#mode.set({}, record.mode);
      this.#epoch.set({}, record.epoch);
    }
    const why = failoverBlockedBy(state);
    this.#possible.set({}, why === undefined ? 1 : 0);
    for (const reason of blockedReasons) this.#blocked.set({ reason }, reason === why ? 1 : 0);
    this.#serving.set({}, outputsOf(state).access.to === 'open' ? 1 : 0);
    const paths = pathsOf(state);
    const stream = running && (postgres.role === 'primary' ? postgres.peerAttached : postgres.streaming);
    this.#path.set({ path: 'heartbeat' }, paths.heartbeat ? 1 : 0);
    this.#path.set({ path: 'stream' }, stream ? 1 : 0);
    // Only a standby asks its peer by SQL.
    if (running && postgres.role === 'primary') this.#path.remove({ path: 'sql' });
    else this.#path.set({ path: 'sql' }, paths.sql ? 1 : 0);
    this.#arbiter.set({}, state.arbiter.failures === 0 && record !== undefined ? 1 : 0);
    if (running && postgres.role === 'primary' && postgres.peerAttached) {
      this.#lag.set({}, Number(postgres.flush > postgres.peerFlush ? postgres.flush - postgres.peerFlush : 0n));
    } else {
      this.#lag.remove({});
    }
  }

  canary(kind: (typeof canaryKinds)[number], tookMs: number | undefined): void {
    this.#canarySuccess.set({ canary: kind }, this.#clock.wallMs() / 1_000);
    if (tookMs !== undefined) this.#canarySeconds.observe({ canary: kind }, tookMs / 1_000);
  }

  disk(space: { readonly freeBytes: number; readonly totalBytes: number } | undefined): void {
    if (space === undefined) {
      this.#diskFree.remove({});
      this.#diskSize.remove({});
    } else {
      this.#diskFree.set({}, space.freeBytes);
      this.#diskSize.set({}, space.totalBytes);
    }
  }

  falseAck(): void {
    this.#falseAcks.add({});
  }

  /** How many roles and databases; undefined where it is not known. */
  loweredCommits(count: number | undefined): void {
    if (count === undefined) this.#loweredCommits.remove({});
    else this.#loweredCommits.set({}, count);
  }

  /** Counts a take-over that has just finished. */
  finished(report: FailoverReport): void {
    this.showPhases(report);
    this.#failovers.add({ reason: report.reason as 'silence' });
    this.#unavailable.add({}, report.outageMs / 1_000);
  }

  /** Shows the phases of the last take-over, also after a restart of the agent. */
  showPhases(report: FailoverReport): void {
    for (const phase of failoverPhases) {
      const ms = report.phasesMs[phase];
      if (ms === undefined) this.#phase.remove({ phase });
      else this.#phase.set({ phase }, ms / 1_000);
    }
  }

  /** Opens the counters of each server at 0, so that the first failure is an increase. */
  dnsServers(servers: readonly { readonly host: string; readonly port: number }[]): void {
    for (const { host, port } of servers) {
      this.#dnsUpdates.add({ server: `${host}:${port}` }, 0);
      for (const reason of dnsFailureReasons) this.#dnsFailures.add({ server: `${host}:${port}`, reason }, 0);
    }
  }

  /** Opens the counters of a pair that has a Service at 0, so that the first failure is an increase. */
  hasService(): void {
    for (const outcome of sliceOutcomes) this.#serviceUpdates.add({ outcome }, 0);
  }

  /** One try at the EndpointSlice. */
  sliceTried({ outcome }: SliceOutcome): void {
    this.#serviceUpdates.add({ outcome });
  }

  /** One try at one server. */
  dnsTried({ server, result }: ServerOutcome, epoch: number): void {
    const name = `${server.host}:${server.port}`;
    this.#dnsUpdates.add({ server: name });
    if (result.outcome === 'applied' || result.outcome === 'unchanged') this.#dnsEpoch.set({ server: name }, epoch);
    else this.#dnsFailures.add({ server: name, reason: result.outcome });
  }
}
