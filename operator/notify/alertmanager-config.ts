import type { TimeWindow } from './active-times.ts';

/** The part of Alertmanager's configuration file that we write. */
export interface AlertmanagerConfig {
  readonly global: Readonly<Record<string, unknown>>;
  readonly templates: readonly string[];
  readonly route: Route;
  readonly inhibit_rules: readonly InhibitRule[];
  readonly receivers: readonly Receiver[];
  readonly time_intervals: readonly TimeInterval[];
}

export interface Route {
  readonly receiver: string;
  readonly matchers?: readonly string[];
  readonly group_by?: readonly string[];
  readonly group_wait?: string;
  readonly group_interval?: string;
  readonly repeat_interval?: string;
  readonly active_time_intervals?: readonly string[];
  readonly continue?: boolean;
  readonly routes?: readonly Route[];
}

export interface Receiver {
  readonly name: string;
  readonly email_configs?: readonly EmailConfig[];
  readonly telegram_configs?: readonly TelegramConfig[];
  readonly webhook_configs?: readonly { readonly url: string; readonly send_resolved: boolean; readonly max_alerts?: number }[];
}

export interface EmailConfig {
  readonly to: string;
  readonly send_resolved: boolean;
  readonly headers: { readonly Subject: string };
  readonly text: string;
  /** Empty: no HTML part. */
  readonly html: '';
  readonly tls_config?: { readonly ca_file: string };
}

export interface TelegramConfig {
  readonly bot_token: string;
  readonly chat_id: number;
  readonly parse_mode: 'HTML';
  readonly send_resolved: boolean;
  readonly message: string;
  readonly http_config?: { readonly tls_config: { readonly ca_file: string } };
}

export interface InhibitRule {
  readonly name?: string;
  readonly source_matchers: readonly string[];
  readonly target_matchers: readonly string[];
  readonly equal: readonly string[];
}

export interface TimeInterval {
  readonly name: string;
  readonly time_intervals: readonly TimeWindow[];
}
