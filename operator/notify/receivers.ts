import type { EmailConfig, TelegramConfig } from './alertmanager-config.ts';
import type { NotifySettings } from './settings.ts';

/** The parts of a receiver that depend on the settings only; the addresses come from the Hall. */
export function emailConfig(to: readonly string[], { smtp }: NotifySettings): EmailConfig {
  return {
    to: to.join(', '),
    send_resolved: true,
    headers: { Subject: '{{ template "hallkeeper.email.subject" . }}' },
    text: '{{ template "hallkeeper.email.text" . }}',
    html: '',
    ...(smtp?.caFile === undefined ? {} : { tls_config: { ca_file: smtp.caFile } }),
  };
}

export function telegramConfig(chatId: number, botToken: string, { telegram }: NotifySettings): TelegramConfig {
  return {
    bot_token: botToken,
    chat_id: chatId,
    parse_mode: 'HTML',
    send_resolved: true,
    message: '{{ template "hallkeeper.telegram" . }}',
    ...(telegram.caFile === undefined ? {} : { http_config: { tls_config: { ca_file: telegram.caFile } } }),
  };
}
