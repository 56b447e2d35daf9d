import { eventually } from '../cluster/eventually.ts';
import { waits } from '../pair/watch-pair.ts';
import type { Name } from '../pair/watch-pair.ts';
import type { ChaosPair } from './chaos-pair.ts';

/** Waits until whoever sits on this machine is acknowledged: were it never let in, it would see nothing and blame nobody. */
export async function acknowledgedLocally({ localObservers }: ChaosPair, name: Name): Promise<void> {
  const observer = localObservers[name];
  const before = observer.acknowledged.length;
  const served = (): true => {
    if (observer.acknowledged.length > before) return true;
    throw new Error(`the last error of whoever sits on machine ${name} was: ${observer.lastError}`);
  };
  await eventually('commits are acknowledged on the machine itself', served, waits);
}
