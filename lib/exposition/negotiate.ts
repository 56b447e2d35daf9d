import type { Format } from './format.ts';

/** What an answer to a scrape is written in. A property of the answer, never of what is exposed. */
export interface Negotiated {
  readonly format: Format;
  readonly contentType: string;
  readonly gzip: boolean;
}

/** Media ranges, parameters and characters of a header that are looked at; what is beyond does not count. */
const rangesMax = 32;
const headerCharactersMax = 4_096;

/**
 * Chooses format and compression from `Accept` and `Accept-Encoding`.
 *
 * The highest q among formats we write wins, and the earlier entry at a tie. OpenMetrics is written only for who asks for its
 * version 1.0.0; everything else, an absent or broken header included, gets text 0.0.4.
 */
export function negotiate(accept: string | undefined, acceptEncoding: string | undefined): Negotiated {
  let best: { readonly range: MediaRange; readonly format: Format } | undefined;
  for (const range of parseRanges(accept ?? '')) {
    const format = formatOf(range);
    if (format === undefined || range.q <= 0) continue;
    if (best === undefined || range.q > best.range.q) best = { range, format };
  }
  const gzip = acceptsGzip(acceptEncoding ?? '');
  if (best?.format !== 'openmetrics') return { format: 'text', contentType: textContentType, gzip };
  const escaping = best.range.parameters.get('escaping');
  const suffix = escaping === undefined ? '' : `; escaping=${escapingUsed(escaping)}`;
  return { format: 'openmetrics', contentType: `${openMetricsContentType}${suffix}`, gzip };
}

const textContentType = 'text/plain; version=0.0.4; charset=utf-8';
const openMetricsContentType = 'application/openmetrics-text; version=1.0.0; charset=utf-8';

interface MediaRange {
  /** Lower case, for example `text/plain`. */
  readonly type: string;
  /** Lower-case names; quotes removed from the values. */
  readonly parameters: ReadonlyMap<string, string>;
  readonly q: number;
}

function formatOf({ type, parameters }: MediaRange): Format | undefined {
  const version = parameters.get('version');
  if (type === 'application/openmetrics-text') return version === '1.0.0' ? 'openmetrics' : undefined;
  if (type === 'text/plain') return version === undefined || version === '0.0.4' ? 'text' : undefined;
  return type === '*/*' || type === 'text/*' || type === 'text/html' ? 'text' : undefined;
}

/**
 * Our names need no escaping, so `allow-utf-8` (also spelled without its last hyphen) and `underscores` give the same bytes. Other
 * schemes would rewrite even such names: they are answered with what was really done. The value asked for is never repeated.
 */
function escapingUsed(asked: string): string {
  return asked === 'allow-utf-8' || asked === 'allow-utf8' ? 'allow-utf-8' : 'underscores';
}

function acceptsGzip(header: string): boolean {
  const codings = parseRanges(header);
  // `x-gzip` is another name of the same coding; either one that is accepted is enough.
  const named = codings.filter(({ type }) => type === 'gzip' || type === 'x-gzip');
  const meant = named.length > 0 ? named : codings.filter(({ type }) => type === '*').slice(0, 1);
  return meant.some(({ q }) => q > 0);
}

/** Entries of a header with parameters and q-values. An entry that makes no sense is left out; a broken q counts as 0. */
function parseRanges(header: string): readonly MediaRange[] {
  const entries = header.slice(0, headerCharactersMax).split(',').slice(0, rangesMax);
  return entries.flatMap((entry) => {
    const [type = '', ...rest] = entry.split(';').map((piece) => piece.trim());
    if (type === '') return [];
    const parameters = new Map<string, string>();
    for (const piece of rest) {
      const [name = '', value = ''] = piece.split('=', 2).map((side) => side.trim());
      if (name !== '') parameters.set(name.toLowerCase(), value.replace(/^"(.*)"$/, '$1'));
    }
    const q = parameters.get('q');
    return [{ type: type.toLowerCase(), parameters, q: q === undefined ? 1 : qValue(q) }];
  });
}

/** @see RFC 9110, 12.4.2: 0 to 1 with at most three decimals. */
function qValue(text: string): number {
  return /^(0(\.\d{0,3})?|1(\.0{0,3})?)$/.test(text) ? Number(text) : 0;
}
