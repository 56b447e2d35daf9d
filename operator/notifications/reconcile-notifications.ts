import { isDeepStrictEqual } from 'node:util';
import { codeOf, messageOf } from '#lib/base/errors.ts';
import { Secret } from '#lib/base/secret.ts';
import type { Reconcile } from '#lib/kube/controller.ts';
import { operatorErrors } from '../errors.ts';
import type { ForeignSecrets } from '../foreign-secrets.ts';
import type { OperatorPorts } from '../frame.ts';
import { managedBy, managedByLabel } from '../labels.ts';
import { isTold } from '../not-applied.ts';
import { configurationFile, notifyConfiguration, templateFile } from '../notify/configuration.ts';
import type { NotifyOutcome } from '../notify/configuration.ts';
import type { NotifySettings, NotifyTarget } from '../notify/settings.ts';
import { secrets } from '../resources.ts';
import type { KubeSecret } from '../resources.ts';
import { decodeData, encodeData } from '../secret-data.ts';
import { gatherLogin, gatherNotify, namedHalls } from './gather-notifications.ts';
import type { GatheredNotify } from './gather-notifications.ts';
import type { Routing, RoutingBoard } from './routing-board.ts';

export interface NotificationsPorts extends Pick<OperatorPorts, 'client' | 'caches' | 'log'> {
  readonly foreign: ForeignSecrets;
  readonly board: RoutingBoard;
  readonly settings: NotifySettings & { readonly target: NotifyTarget };
  /** The operator's own namespace, where the password of the mail server may stand. */
  readonly namespace: string;
}

/** Nobody tells us when a Secret changes that a person made: they are read again this often, and only where a Hall names one. */
const againMs = 60_000;
/** And sooner while one is missing: somebody is about to make it. */
const missingAgainMs = 21_000;

/** Errors that a person must put right; the configuration in force stays. */
const toldCodes: ReadonlySet<string | undefined> = new Set(['HK_OBJECT_FOREIGN', 'HK_NOTIFY_TOO_LARGE']);

/**
 * Writes the Alertmanager configuration of all Halls into one Secret. The last good part of a Hall whose wish is refused comes from
 * that Secret itself: there is no second memory that could differ from what is in force.
 */
export function reconcileNotifications(ports: NotificationsPorts): Reconcile {
  return async (_key, { signal, log }) => {
    const { caches, client, foreign, board, settings, namespace } = ports;
    const { target } = settings;
    const gathered = await gatherNotify(namedHalls(caches), foreign, signal);
    const tell = (routingOf: (hall: string) => Routing | undefined): void =>
      board.post(gathered.keys.flatMap(({ hall, key }) => [[key, routingOf(hall)] as const]).filter(hasRouting));
    try {
      const login = await gatherLogin(settings, namespace, foreign, signal);
      if (!login.ok) {
        tell(() => undelivered(login.says));
        return { requeueAfterMs: missingAgainMs };
      }
      const seen = caches.secrets.get(target) ?? (await client.find(secrets, target, signal));
      if (seen !== undefined) requireOurs(seen);
      const made = make(gathered, login.settings, seen);
      if (await write(made, target, seen, ports, signal))
        log.info({ halls: gathered.halls.size }, 'the Alertmanager configuration was written');
      tell((hall) => made.halls.get(hall));
    } catch (error) {
      const isWaited = toldCodes.has(codeOf(error));
      if (isWaited || (isTold(error) && !signal.aborted)) tell(() => undelivered(messageOf(error)));
      if (!isWaited) throw error;
      return { requeueAfterMs: againMs };
    }
    if (gathered.secrets === 'missing') return { requeueAfterMs: missingAgainMs };
    return gathered.secrets !== 'none' || settings.smtp?.login !== undefined ? { requeueAfterMs: againMs } : undefined;
  };
}

function make({ halls, undecided }: GatheredNotify, settings: NotifySettings, seen: KubeSecret | undefined): NotifyOutcome {
  const text = seen === undefined ? undefined : decodeData(seen)[configurationFile];
  return notifyConfiguration({ halls, undecided, settings, ...(text === undefined ? {} : { previous: new Secret(text) }) });
}

async function write(
  { configuration, templates }: NotifyOutcome,
  target: NotifyTarget,
  seen: KubeSecret | undefined,
  { client }: NotificationsPorts,
  signal: AbortSignal,
): Promise<boolean> {
  const data = encodeData({ [configurationFile]: configuration.reveal(), [templateFile]: templates });
  if (seen !== undefined && isDeepStrictEqual(seen.data, data)) return false;
  const { namespace, name } = target;
  // In the version that was read: the last good parts of Halls come from it, and a newer one may hold newer parts.
  if (seen === undefined)
    await client.create(secrets, { metadata: { namespace, name, labels: { [managedByLabel]: managedBy } }, data }, signal);
  else await client.update(secrets, { ...seen, data }, signal);
  return true;
}

function requireOurs({ metadata }: KubeSecret): void {
  if (metadata.labels?.[managedByLabel] === managedBy) return;
  throw operatorErrors.HK_OBJECT_FOREIGN(
    `Secret ${metadata.name}; delete it, or hand it over with the label ${managedByLabel}=${managedBy}`,
  );
}

const undelivered = (why: string): Routing => ({
  routed: false,
  reason: 'NotDelivered',
  message: `${why}; until then the Alertmanager configuration before stays in force`,
});

function hasRouting<T, R>(entry: readonly [T, R | undefined]): entry is readonly [T, R] {
  return entry[1] !== undefined;
}
