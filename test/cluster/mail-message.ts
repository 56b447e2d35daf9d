/** What a mail shows to its reader. */
export interface MailMessage {
  /** Header values by lower-cased name, unfolded and decoded; the last one wins. */
  readonly headers: ReadonlyMap<string, string>;
  readonly subject: string;
  /** The first plain text part, decoded. Empty when there is none. */
  readonly text: string;
}

const partsMax = 20;

/**
 * Reads the parts of a mail that a test or the demo shows: subject and plain text. It knows quoted-printable, base64 and
 * multipart, which is what Alertmanager and most programs send.
 *
 * @see RFC 2045, RFC 2047, RFC 5322
 */
export function readMail(raw: string): MailMessage {
  const headers = headersOf(raw);
  return { headers, subject: headers.get('subject') ?? '', text: plainTextOf(raw, 0) ?? '' };
}

function plainTextOf(part: string, depth: number): string | undefined {
  const headers = headersOf(part);
  const contentType = headers.get('content-type') ?? 'text/plain';
  const boundary = /boundary="?([^";]+)"?/i.exec(contentType)?.[1];
  const body = bodyOf(part);
  if (/^multipart\//i.test(contentType) && boundary !== undefined && depth < 3) {
    const parts = body.split(`--${boundary}`).slice(1, partsMax);
    for (const inner of parts) {
      const text = inner.startsWith('--') ? undefined : plainTextOf(inner.replace(/^\r?\n/, ''), depth + 1);
      if (text !== undefined) return text;
    }
    return undefined;
  }
  if (!/^text\/plain/i.test(contentType)) return undefined;
  return decodeBody(body, headers.get('content-transfer-encoding') ?? '7bit').replace(/\r\n/g, '\n');
}

function headersOf(part: string): ReadonlyMap<string, string> {
  const head = part.split(/\r?\n\r?\n/, 1)[0] ?? '';
  const unfolded = head.replace(/\r?\n[ \t]+/g, ' ');
  const headers = new Map<string, string>();
  for (const line of unfolded.split(/\r?\n/)) {
    const colon = line.indexOf(':');
    if (colon > 0) headers.set(line.slice(0, colon).toLowerCase(), decodeWords(line.slice(colon + 1).trim()));
  }
  return headers;
}

function bodyOf(part: string): string {
  const end = /\r?\n\r?\n/.exec(part);
  return end === null ? '' : part.slice(end.index + end[0].length);
}

/** Encoded words of a header. Blanks between two encoded words are not part of the text. */
function decodeWords(value: string): string {
  const joined = value.replace(/(=\?[^?]+\?[bq]\?[^?]*\?=)\s+(?==\?)/gi, '$1');
  return joined.replace(/=\?[^?]+\?([bq])\?([^?]*)\?=/gi, (_, kind: string, text: string) =>
    kind.toLowerCase() === 'b' ? Buffer.from(text, 'base64').toString('utf8') : decodeQuotedPrintable(text.replaceAll('_', ' ')),
  );
}

function decodeBody(body: string, encoding: string): string {
  if (/^base64$/i.test(encoding)) return Buffer.from(body, 'base64').toString('utf8');
  return /^quoted-printable$/i.test(encoding) ? decodeQuotedPrintable(body.replace(/=\r?\n/g, '')) : body;
}

function decodeQuotedPrintable(text: string): string {
  const bytes = text.replace(/=([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1').toString('utf8');
}
