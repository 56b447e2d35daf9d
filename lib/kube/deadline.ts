import { withDeadline as within } from '#lib/base/deadline.ts';
import type { Deadline as BaseDeadline } from '#lib/base/deadline.ts';
import { transportError } from './errors.ts';
import type { RequestLabel } from './errors.ts';

export interface Deadline extends Omit<BaseDeadline, 'late'> {
  readonly label: RequestLabel;
}

/**
 * The deadline of a request to the API server.
 *
 * @throws KubeError HK_KUBE_DEADLINE
 */
export function withDeadline<T>(
  { label, ...deadline }: Deadline,
  outer: AbortSignal,
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  return within({ ...deadline, late: () => transportError('HK_KUBE_DEADLINE', label, `${deadline.ms} ms`) }, outer, run);
}
