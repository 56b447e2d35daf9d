import { once } from 'node:events';
import { SMTPServer } from 'smtp-server';
import type { SMTPServerDataStream, SMTPServerOptions, SMTPServerSession } from 'smtp-server';
import { readMail } from './mail-message.ts';
import type { MailMessage } from './mail-message.ts';
import { freePort } from './ports.ts';

export interface SmtpServerOptions {
  /** Where to listen; default 127.0.0.1. */
  readonly address?: string;
  /** Certificate and key for STARTTLS, as PEM. Without them the server does not offer STARTTLS. */
  readonly tls?: { readonly certificatePem: string; readonly privateKeyPem: string };
  /** Makes a log-in mandatory; accepted over TLS only. */
  readonly login?: { readonly username: string; readonly password: string };
}

export interface ReceivedMail extends MailMessage {
  readonly from: string;
  readonly to: readonly string[];
  /** Whether the connection was encrypted when the mail came. */
  readonly encrypted: boolean;
  /** The name of the log-in, if there was one. */
  readonly user: string | undefined;
  /** Wall time of arrival, milliseconds since 1970. */
  readonly atMs: number;
  readonly raw: string;
}

/** A mail server that accepts every recipient, keeps the last mails in memory and delivers nothing. */
export interface LocalSmtpServer extends AsyncDisposable {
  readonly address: string;
  readonly port: number;
  /** `address:port`, as Alertmanager's `smtp_smarthost` wants it. */
  readonly smarthost: string;
  /** The newest last; the oldest fall out beyond `mailsMax`. */
  readonly mails: readonly ReceivedMail[];
  /** Errors of sessions, such as a client that refuses our certificate. The oldest fall out. */
  readonly refusals: readonly string[];
  onMail(listener: (mail: ReceivedMail) => void): void;
  stop(): Promise<void>;
}

const mailsMax = 1_000;
const mailBytesMax = 1024 * 1024;

export async function startSmtpServer(options: SmtpServerOptions = {}): Promise<LocalSmtpServer> {
  const address = options.address ?? '127.0.0.1';
  const port = await freePort(address);
  const mails: ReceivedMail[] = [];
  const refusals: string[] = [];
  const listeners: ((mail: ReceivedMail) => void)[] = [];
  const keep = (mail: ReceivedMail): void => {
    push(mails, mail);
    for (const listener of listeners) listener(mail);
  };
  const server = new SMTPServer(serverOptions(options, keep));
  server.on('error', (error: Error) => push(refusals, error.message));
  server.listen(port, address);
  await once(server.server, 'listening');
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> => (stopping ??= new Promise((resolve) => server.close(() => resolve())));
  return {
    address,
    port,
    smarthost: `${address.includes(':') ? `[${address}]` : address}:${port}`,
    mails,
    refusals,
    onMail: (listener) => void listeners.push(listener),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

function serverOptions({ tls, login }: SmtpServerOptions, keep: (mail: ReceivedMail) => void): SMTPServerOptions {
  const disabledCommands = [...(tls === undefined ? ['STARTTLS'] : []), ...(login === undefined ? ['AUTH'] : [])];
  return {
    name: 'mail.hallkeeper.test',
    ...(tls === undefined ? {} : { cert: tls.certificatePem, key: tls.privateKeyPem }),
    disabledCommands,
    authOptional: login === undefined,
    authMethods: ['PLAIN', 'LOGIN'],
    disableReverseLookup: true,
    size: mailBytesMax,
    closeTimeout: 1_000,
    onAuth: (auth, _session, answer) => {
      const known = auth.username === login?.username && auth.password === login?.password;
      answer(known ? null : new Error('535 the name or the password is wrong'), known ? { user: auth.username } : undefined);
    },
    onData: (stream, session, answer) => {
      textOf(stream).then(
        (raw) => {
          keep({ ...readMail(raw), ...envelopeOf(session), atMs: Date.now(), raw });
          answer();
        },
        (error: unknown) => answer(error instanceof Error ? error : new Error(String(error))),
      );
    },
  };
}

function envelopeOf(session: SMTPServerSession): Pick<ReceivedMail, 'from' | 'to' | 'encrypted' | 'user'> {
  const { mailFrom, rcptTo } = session.envelope;
  return {
    from: mailFrom === false ? '' : mailFrom.address,
    to: rcptTo.map((recipient) => recipient.address),
    encrypted: session.secure,
    user: session.user,
  };
}

async function textOf(stream: SMTPServerDataStream): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  if (stream.sizeExceeded) throw new Error(`552 a mail may have at most ${mailBytesMax} bytes`);
  return Buffer.concat(chunks).toString('utf8');
}

function push<T>(list: T[], entry: T): void {
  list.push(entry);
  if (list.length > mailsMax) list.shift();
}
