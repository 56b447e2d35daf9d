import { randomBytes } from 'node:crypto';
import { startSmtpServer } from '#test/cluster/smtp.ts';
import type { ReceivedMail } from '#test/cluster/smtp.ts';
import { startBotApi } from '#test/cluster/telegram.ts';
import type { BotMessage } from '#test/cluster/telegram.ts';

export const pageReceivers = ['email', 'telegram'] as const;
export type PageReceiver = (typeof pageReceivers)[number];

/** The page for the failover, as it arrived. */
export interface Page {
  readonly mail: ReceivedMail | undefined;
  readonly message: BotMessage | undefined;
}

/** The mail server and the Bot API that the on-call person of the demo is reached by. */
export interface PageOffice {
  readonly smarthost: string;
  readonly botApiUrl: string;
  readonly botToken: string;
  /** What came after `sinceMs`, wall time, about a failover. */
  page(sinceMs: number): Page;
}

const failoverTitle = 'The lead of a pair was taken over';
const failoverAlert = 'HallkeeperPairFailoverHappened';

/** @param address  By which servers of the run reach this process. */
export async function openPageOffice(address: string, chatId: number, stack: AsyncDisposableStack): Promise<PageOffice> {
  // A bot token as Telegram gives them: the number of the bot, and 35 characters.
  const botToken = `110201543:${randomBytes(26).toString('base64url').slice(0, 35)}`;
  const smtp = stack.use(await startSmtpServer({ address }));
  const botApi = stack.use(await startBotApi({ address, token: botToken, chatIds: [chatId] }));
  return {
    smarthost: smtp.smarthost,
    botApiUrl: botApi.url,
    botToken,
    page: (sinceMs) => ({
      mail: smtp.mails.find(({ atMs, subject }) => atMs >= sinceMs && subject.includes(failoverTitle)),
      message: botApi.messages.find(({ atMs, text }) => atMs >= sinceMs && text.includes(failoverAlert)),
    }),
  };
}

export function receiversOf({ mail, message }: Page): readonly PageReceiver[] {
  return [...(mail === undefined ? [] : (['email'] as const)), ...(message === undefined ? [] : (['telegram'] as const))];
}

/** From `sinceMs`, wall time, until the last receiver had the page, in seconds. */
export function deliveredSeconds({ mail, message }: Page, sinceMs: number): number {
  return (Math.max(mail?.atMs ?? sinceMs, message?.atMs ?? sinceMs) - sinceMs) / 1_000;
}
