import type { Hall } from '#lib/api/hall.gen.ts';
import { Secret } from '#lib/base/secret.ts';
import { keyOf } from '#lib/kube/objects.ts';
import type { ObjectKey } from '#lib/kube/objects.ts';
import { readSecretRef } from '../foreign-secrets.ts';
import type { ForeignSecrets } from '../foreign-secrets.ts';
import { nameHolding } from '../hall/holding.ts';
import { botTokenRefs, secretRefKey } from '../notify/hall-notify.ts';
import type { HallNotify } from '../notify/hall-notify.ts';
import type { NotifySettings } from '../notify/settings.ts';
import type { OperatorCaches } from '../operator-caches.ts';

/** Halls that hold their names: of several of one name only one is told of in the configuration. */
export interface NamedHalls {
  readonly named: readonly Hall[];
  /** Names that Halls want and of which it is not decided who has them: what was made for them stays. */
  readonly undecided: ReadonlySet<string>;
}

export function namedHalls(caches: Pick<OperatorCaches, 'halls' | 'claims'>): NamedHalls {
  const named: Hall[] = [];
  const undecided = new Set<string>();
  for (const hall of caches.halls.list()) {
    const holding = nameHolding(hall, caches);
    if (holding.is === 'undecided') undecided.add(hall.metadata.name);
    else if (holding.is === 'held' && holding.by.uid === hall.metadata.uid) named.push(hall);
  }
  return { named, undecided };
}

export interface GatheredNotify {
  readonly halls: ReadonlyMap<string, HallNotify>;
  readonly undecided: ReadonlySet<string>;
  readonly keys: readonly { readonly hall: string; readonly key: ObjectKey }[];
  /** Of the Secrets that Halls name: read again from time to time, and sooner while one is missing. */
  readonly secrets: 'none' | 'all there' | 'missing';
}

/** What each Hall wants, with the bot tokens that it names. Asks the API server at most for those Secrets. */
export async function gatherNotify(
  { named, undecided }: NamedHalls,
  foreign: ForeignSecrets,
  signal: AbortSignal,
): Promise<GatheredNotify> {
  const halls = new Map<string, HallNotify>();
  let secrets: GatheredNotify['secrets'] = 'none';
  for (const { metadata, spec } of named) {
    const notify = spec.notify ?? [];
    const botTokens = new Map<string, Secret>();
    for (const ref of botTokenRefs(notify)) {
      const entry = await readSecretRef(
        foreign,
        { namespace: metadata.namespace, ...ref, field: 'notify[].telegram.botTokenSecretRef' },
        signal,
      );
      if (!entry.found) secrets = 'missing';
      else if (secrets === 'none') secrets = 'all there';
      if (entry.found) botTokens.set(secretRefKey(ref), new Secret(entry.text));
    }
    halls.set(metadata.name, { timeZone: spec.timeZone, notify, botTokens });
  }
  return { halls, undecided, keys: named.map((hall) => ({ hall: hall.metadata.name, key: keyOf(hall) })), secrets };
}

/** The settings with the password of the mail server, or why it cannot be read. */
export type LoginOutcome = { readonly ok: true; readonly settings: NotifySettings } | { readonly ok: false; readonly says: string };

export async function gatherLogin(
  settings: NotifySettings,
  namespace: string,
  foreign: ForeignSecrets,
  signal: AbortSignal,
): Promise<LoginOutcome> {
  const { smtp } = settings;
  if (smtp?.login === undefined) return { ok: true, settings };
  const { username, passwordSecretRef } = smtp.login;
  const entry = await readSecretRef(foreign, { namespace, ...passwordSecretRef, field: 'notify.smtp.passwordSecretRef' }, signal);
  if (!entry.found) return { ok: false, says: `the settings of the operator: ${entry.says}` };
  return { ok: true, settings: { ...settings, smtp: { ...smtp, auth: { username, password: new Secret(entry.text) } } } };
}
