import { isDeepStrictEqual } from 'node:util';
import { kubeTime } from './time.ts';

/** One statement about an object, as every Kubernetes object makes it. */
export interface Condition {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  /** CamelCase, one of a documented list. */
  readonly reason: string;
  readonly message: string;
  /** The generation of the spec that this statement is about. */
  readonly observedGeneration: number;
  /** When `status` changed last, and nothing else. */
  readonly lastTransitionTime: string;
}

/** The conditions with this one set. The time moves only when the status changes; the order stays, a new one goes last. */
export function setCondition(
  conditions: readonly Condition[],
  next: Omit<Condition, 'lastTransitionTime'>,
  nowWallMs: number,
): readonly Condition[] {
  const before = conditions.find(({ type }) => type === next.type);
  const lastTransitionTime = before?.status === next.status ? before.lastTransitionTime : kubeTime(nowWallMs);
  const condition: Condition = { ...next, lastTransitionTime };
  if (before === undefined) return [...conditions, condition];
  return conditions.map((known) => (known.type === next.type ? condition : known));
}

export function findCondition(conditions: readonly Condition[] | undefined, type: string): Condition | undefined {
  return conditions?.find((condition) => condition.type === type);
}

/**
 * Whether two statuses say different things. Times of transition do not count, and neither does the order of conditions;
 * absent and undefined are the same.
 */
export function statusDiffers(a: unknown, b: unknown): boolean {
  return !isDeepStrictEqual(comparable(a), comparable(b));
}

function comparable(value: unknown): unknown {
  if (Array.isArray(value)) {
    const entries = value.map(comparable);
    const isConditions = value.length > 0 && value.every((entry) => isConditionLike(entry));
    return isConditions ? entries.toSorted((a, b) => typeOf(a).localeCompare(typeOf(b))) : entries;
  }
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, entry]) => entry !== undefined);
  const kept = isConditionLike(value) ? entries.filter(([name]) => name !== 'lastTransitionTime') : entries;
  return Object.fromEntries(kept.map(([name, entry]) => [name, comparable(entry)]));
}

function isConditionLike(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'type' in value && 'lastTransitionTime' in value;
}

function typeOf(value: unknown): string {
  return String((value as { readonly type?: unknown }).type);
}
