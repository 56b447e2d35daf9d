import type { Stage } from './stage.ts';

export const scenarioGroups = ['process', 'network', 'postgresql', 'storage', 'control-plane', 'sequences'] as const;
export type ScenarioGroup = (typeof scenarioGroups)[number];

/** One way in which a pair is hurt, and what it must make of it. */
export interface Scenario {
  /** Lower case with hyphens: the name on the command line and in the report. */
  readonly name: string;
  readonly group: ScenarioGroup;
  /** What happens, in one sentence. */
  readonly about: string;
  /**
   * How often the leader must change: 0 is no failover, 1 is one. `any` where chance decides who leads; then only safety and the way back
   * to two copies are asked for. Whatever else a scenario expects it checks itself.
   */
  readonly changes: number | 'any';
  /** Whether it is part of the short run that every change of the code must pass. */
  readonly everyChange?: true;
  /** Who decides which member leads; absent: Kubernetes. */
  readonly arbiter?: 'etcd';
  /** Hurts the pair and sees what must be seen meanwhile. What it leaves hurt is undone by what it gave to `undo`. */
  readonly act: (stage: Stage) => Promise<void>;
}

/** The verdict in words, for a number of changes of the leader. */
export function verdictOf(changes: number | 'any'): string {
  if (changes === 'any') return 'safe';
  if (changes === 0) return 'stays';
  return changes === 1 ? 'fails over' : `${changes} changes`;
}
