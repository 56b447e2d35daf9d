import type { FailoverPhase } from '#agents/member/contract.ts';
import type { PageReceiver } from './page.ts';

/** What a run measured; `--json` writes it as it is. All times in seconds. */
export interface DemoResult {
  readonly ok: true;
  readonly failover: {
    /** The longest time between two acknowledged commits around the kill, as the writer saw it. */
    readonly writeOutageSeconds: number;
    /** From the kill until the DNS server answered with the address of the new primary. */
    readonly dnsSeconds: number;
    /** Commits that the writer was told are durable. */
    readonly acknowledged: number;
    /** Those of them that are not in the table of the new primary after the other member has rejoined. */
    readonly lost: number;
    /** As the member that took over tells them in the status of its FailoverPair. */
    readonly phases: Readonly<Record<FailoverPhase, number>>;
    /** From the start of the killed member until the record of the pair was in mode Sync again. */
    readonly rejoinedSeconds: number;
  };
  readonly terminals: {
    readonly total: number;
    /** As the hall server sees them, by way of exporter and Prometheus. */
    readonly online: number;
    /** From the first terminal that lost the hall until all had it again. */
    readonly reconnectedSeconds: number;
  };
  readonly prometheus: { readonly targetsUp: number; readonly series: number };
  readonly page: {
    /** From the kill until the last receiver had it. */
    readonly deliveredSeconds: number;
    readonly receivers: readonly PageReceiver[];
  };
}

export interface DemoFailure {
  readonly ok: false;
  readonly why: string;
}

/** Thousandths are as fine as a run can tell. */
export const inSeconds = (ms: number): number => Math.round(ms) / 1_000;
