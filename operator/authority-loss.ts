import { createHash } from 'node:crypto';
import type { KubeObject } from '#lib/kube/objects.ts';

/** On a Hall or FailoverPair: a person gives its lost authority up for good, and wants a new one. */
export const newAuthorityAnnotation = 'hallkeeper.dev/new-authority';

/** What is left of an authority whose Secret is gone. */
export interface AuthorityTraces {
  /** Names of Secrets that hold what it signed. */
  readonly secrets: readonly string[];
  /** One thing that only this authority can have made; its digest is the word that allows a new one, and fits no later loss. */
  readonly sample: string;
}

/**
 * Why no authority may be made although there is none: there was one, and all that it signed would be void. Undefined: there was none,
 * or a person has said that it is given up.
 *
 * @param name    Of the Secret.
 * @param called  The owner as kubectl is told of it, such as `pair north`.
 */
export function decideAuthorityLoss(
  { metadata }: KubeObject,
  { name, called, traces }: { readonly name: string; readonly called: string; readonly traces: AuthorityTraces | undefined },
): string | undefined {
  if (traces === undefined) return undefined;
  const word = wordOf(traces);
  if (metadata.annotations?.[newAuthorityAnnotation] === word) return undefined;
  const [first, ...more] = traces.secrets;
  const signed =
    first === undefined ? '' : `, and ${first}${more.length === 0 ? '' : ` and ${more.length} more Secrets`} hold what it signed`;
  const anew = `kubectl annotate ${called} --overwrite ${newAuthorityAnnotation}=${word}`;
  return `the Secret ${name} is gone${signed}: restore it from a backup. Only if there is none, give it up with ${anew}: everybody who trusts it must then be given the new one`;
}

export function wordOf({ sample }: Pick<AuthorityTraces, 'sample'>): string {
  return createHash('sha256').update(sample).digest('hex').slice(0, 12);
}
