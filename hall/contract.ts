import { dnsLabel } from '#lib/base/dns-label.ts';
import { readFields } from '#lib/base/fields.ts';
import { readTrustDomain } from '#lib/pki/trust-domain.ts';

/**
 * What the member agent and its hall server say to each other: a settings file in JSON, control lines on standard input, event lines
 * on standard output. Standard error carries the log. The end of standard input ends the hall server.
 */

/** Settings of the hall server, checked and complete. The file has the same shape. */
export interface HallServerSettings {
  readonly hall: string;
  readonly trustDomain: string;
  readonly pair: { readonly uid: string };
  /** Name of the member beside which this server runs. */
  readonly member: string;
  /** Where terminals and readers call. Port 0 lets the machine choose; the event `listening` says which. */
  readonly listen: { readonly address: string; readonly port: number };
  readonly tls: {
    /** PEM chain and key of the member; read again at SIGHUP and whenever the files change. */
    readonly certificateFile: string;
    readonly keyFile: string;
    /** PEM with the hall's authorities: they speak for terminals, cash registers and exporters, and for nobody else. */
    readonly hallCaFile: string;
    /** PEM with the pair's authorities: they speak for the operator. */
    readonly pairCaFile: string;
  };
  readonly postgresql: {
    /** Folder of the Unix socket. There is no password: PostgreSQL knows us by our user. */
    readonly socketDirectory: string;
    readonly port: number;
    readonly database: string;
    readonly user: string;
  };
  /** Where `/metrics` and health are served; absent: nowhere. */
  readonly metrics?: { readonly address: string; readonly port: number };
}

/**
 * Reads the settings file's content.
 *
 * @throws HK_OPTIONS_INVALID  naming every problem.
 */
export function parseHallServerSettings(raw: unknown): HallServerSettings {
  const field = readFields(raw);
  const pair = field.group('pair');
  const listen = field.group('listen');
  const tls = field.group('tls');
  const postgresql = field.group('postgresql');
  const metrics = field.has('metrics') ? field.group('metrics') : undefined;
  const settings: HallServerSettings = {
    hall: field.text('hall', dnsLabel),
    trustDomain: readTrustDomain(field),
    pair: { uid: pair.text('uid', { pattern: /^[-0-9a-z]{1,64}$/, shape: 'the UID of the FailoverPair' }) },
    member: field.text('member', dnsLabel),
    listen: { address: listen.text('address'), port: listen.wholeNumber('port', { min: 0, max: 65_535 }) },
    tls: {
      certificateFile: tls.text('certificateFile'),
      keyFile: tls.text('keyFile'),
      hallCaFile: tls.text('hallCaFile'),
      pairCaFile: tls.text('pairCaFile'),
    },
    postgresql: {
      socketDirectory: postgresql.text('socketDirectory', { pattern: /^\//, shape: 'an absolute path' }),
      port: postgresql.wholeNumber('port', { min: 1, max: 65_535 }),
      database: postgresql.text('database', { fallback: 'hallkeeper' }),
      user: postgresql.text('user', { fallback: 'hallkeeper_hall' }),
    },
    ...(metrics === undefined
      ? {}
      : { metrics: { address: metrics.text('address'), port: metrics.wholeNumber('port', { min: 0, max: 65_535 }) } }),
  };
  field.refuseProblems();
  return Object.freeze(settings);
}

/**
 * What the member agent tells its hall server, one JSON object a line.
 *
 * lead    The member leads with this epoch: serve. Repeating the same epoch changes nothing; a lower one is refused.
 * follow  Stop serving at once: streams are told NotPrimary, nothing of the old epoch is sent after the event `following`.
 */
export type HallControl = { readonly do: 'lead'; readonly epoch: number } | { readonly do: 'follow' };

/** Reads one control line. @throws HK_OPTIONS_INVALID */
export function parseHallControl(line: string): HallControl {
  const field = readFields(readJson(line));
  const order = field.oneOf('do', ['lead', 'follow']);
  const epoch = order === 'lead' ? field.wholeNumber('epoch', { min: 1, max: Number.MAX_SAFE_INTEGER }) : 0;
  field.refuseProblems();
  return order === 'lead' ? { do: 'lead', epoch } : { do: 'follow' };
}

/**
 * What the hall server tells its member agent, one JSON object a line.
 *
 * listening   Terminals can connect; they are answered NotPrimary until `leading`.
 * leading     Terminals are welcomed with this epoch. Comes when the roster and the last states were read from the ledger.
 * ledger      Whether the ledger can be written now. `away` says why; the server goes on deciding and writes later.
 * following   No answer of an earlier epoch is sent after this line.
 * falseAck    PostgreSQL reported a commit of ours that the standby may lack (WARNING 01000). It was treated as failed.
 * refused     A control line was not obeyed.
 */
export type HallEvent =
  | { readonly event: 'listening'; readonly address: string; readonly port: number; readonly metricsPort?: number }
  | { readonly event: 'leading'; readonly epoch: number }
  | { readonly event: 'ledger'; readonly state: 'ready' | 'away'; readonly why: string }
  | { readonly event: 'following' }
  | { readonly event: 'falseAck'; readonly total: number }
  | { readonly event: 'refused'; readonly why: string };

export function formatHallEvent(event: HallEvent): string {
  return `${JSON.stringify(event)}\n`;
}

/** Reads one event line. Undefined: an event this version does not know, to be passed over. @throws HK_OPTIONS_INVALID */
export function parseHallEvent(line: string): HallEvent | undefined {
  const raw = readJson(line);
  const name = typeof raw === 'object' && raw !== null && 'event' in raw ? raw.event : undefined;
  const field = readFields(raw);
  field.text('event');
  const event = readEvent(name, field);
  if (event !== undefined) field.refuseProblems();
  return event;
}

function readEvent(name: unknown, field: ReturnType<typeof readFields>): HallEvent | undefined {
  switch (name) {
    case 'listening':
      return {
        event: 'listening',
        address: field.text('address'),
        port: field.wholeNumber('port', { min: 1, max: 65_535 }),
        ...(field.has('metricsPort') ? { metricsPort: field.wholeNumber('metricsPort', { min: 1, max: 65_535 }) } : {}),
      };
    case 'leading':
      return { event: 'leading', epoch: field.wholeNumber('epoch', { min: 1, max: Number.MAX_SAFE_INTEGER }) };
    case 'ledger':
      return { event: 'ledger', state: field.oneOf('state', ['ready', 'away']), why: field.text('why', { fallback: 'unknown' }) };
    case 'following':
      return { event: 'following' };
    case 'falseAck':
      return { event: 'falseAck', total: field.wholeNumber('total', { min: 0, max: Number.MAX_SAFE_INTEGER }) };
    case 'refused':
      return { event: 'refused', why: field.text('why') };
    default:
      return undefined;
  }
}

function readJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
