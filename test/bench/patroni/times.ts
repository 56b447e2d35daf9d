/** One choice of Patroni's times, in seconds: see "Dynamic configuration settings" of its manual. */
export interface PatroniTimes {
  readonly name: 'default' | 'minimum';
  readonly dcs: { readonly ttl: number; readonly loop_wait: number; readonly retry_timeout: number };
}

/** What Patroni does when nobody says otherwise, and the smallest times that it allows: below them it corrects them itself. */
export const patroniTimes: readonly PatroniTimes[] = [
  { name: 'default', dcs: { ttl: 30, loop_wait: 10, retry_timeout: 10 } },
  { name: 'minimum', dcs: { ttl: 20, loop_wait: 1, retry_timeout: 3 } },
];
