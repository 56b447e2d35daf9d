import type { Secret } from '#lib/base/secret.ts';

/** One entry of `Hall.spec.notify`: who is told, of what, and when. Written structurally, so that the generated Hall type fits. */
export interface NotifyEntry {
  /** Unique within its Hall. */
  readonly name: string;
  /** Narrows the alerts of the hall. An empty or absent list does not narrow. */
  readonly match?: { readonly severity?: readonly string[]; readonly component?: readonly string[] };
  readonly email?: { readonly to: readonly string[] };
  readonly telegram?: { readonly chatID: number | string; readonly botTokenSecretRef: SecretKeyRef };
  readonly sms?: { readonly numbers: readonly string[] };
  /** Outside these times nothing is sent. Absent or empty: always. In the hall's time zone. */
  readonly activeTimes?: readonly ActiveTime[];
}

export interface SecretKeyRef {
  readonly name: string;
  readonly key: string;
}

/** A weekly window. `to` before `from` runs past midnight into the next day. Without days: every day. */
export interface ActiveTime {
  readonly days?: readonly string[];
  /** `HH:MM` */
  readonly from: string;
  /** `HH:MM`, up to `24:00` */
  readonly to: string;
}

/** What the generator needs to know of one Hall. */
export interface HallNotify {
  /** IANA name, `Hall.spec.timeZone`. */
  readonly timeZone: string;
  readonly notify: readonly NotifyEntry[];
  /** Values of the Secrets that the entries name, by `secretRefKey`; absent when the Secret or its key does not exist. */
  readonly botTokens: ReadonlyMap<string, Secret>;
}

/** The key of `HallNotify.botTokens` for a reference. */
export const secretRefKey = ({ name, key }: SecretKeyRef): string => `${name}/${key}`;

/** The Secrets that the entries of a Hall name, each once: what has to be read before the configuration is made. */
export function botTokenRefs(notify: readonly NotifyEntry[]): readonly SecretKeyRef[] {
  const refs = notify.flatMap(({ telegram }) => (telegram === undefined ? [] : [telegram.botTokenSecretRef]));
  return [...new Map(refs.map((ref) => [secretRefKey(ref), ref])).values()];
}
