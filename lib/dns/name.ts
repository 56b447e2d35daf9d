import { dnsErrors } from './errors.ts';

/**
 * Names are written as text without the final dot; the root is the empty text. A dot or backslash inside a label is escaped by a
 * backslash, a byte outside printable ASCII as `\DDD`. Equality ignores the case of ASCII letters.
 */
const nameBytesMax = 255;
const labelBytesMax = 63;
const pointerMask = 0xc0;

/** Lower case, no final dot: equal names become equal texts. @throws HK_DNS_NAME_INVALID */
export function canonicalName(name: string): string {
  return decodeName(encodeName(name), 0).name.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase());
}

export function sameName(left: string, right: string): boolean {
  return canonicalName(left) === canonicalName(right);
}

/** Whether `name` is the zone itself or lies below it. @throws HK_DNS_NAME_INVALID */
export function isInZone(name: string, zone: string): boolean {
  const [inner, outer] = [canonicalName(name), canonicalName(zone)];
  if (outer === '' || inner === outer) return true;
  // A dot in front that is itself escaped belongs to a label.
  return inner.endsWith(`.${outer}`) && !/(^|[^\\])(\\\\)*\\$/.test(inner.slice(0, -outer.length - 1));
}

/** Wire form, uncompressed, in the case given. With or without the final dot. @throws HK_DNS_NAME_INVALID */
export function encodeName(name: string): Buffer {
  const labels = name === '' || name === '.' ? [] : splitLabels(name);
  const parts = labels.map((label) => {
    if (label.length === 0 || label.length > labelBytesMax) throw dnsErrors.HK_DNS_NAME_INVALID(`a label of ${label.length} bytes`);
    return Buffer.from([label.length, ...label]);
  });
  const wire = Buffer.concat([...parts, Buffer.of(0)]);
  if (wire.length > nameBytesMax) throw dnsErrors.HK_DNS_NAME_INVALID(`a name of ${wire.length} bytes`);
  return wire;
}

/**
 * Reads a name at `offset`, following compression pointers. A pointer may only lead backwards, before everything read so far, so
 * that reading ends; a name is at most 255 bytes.
 *
 * @returns  `next` is the offset after the name where it stands, not where pointers led.
 * @throws   HK_DNS_MESSAGE_INVALID
 * @see      RFC 1035 4.1.4
 */
export function decodeName(message: Buffer, offset: number): { readonly name: string; readonly next: number } {
  const labels: string[] = [];
  let at = offset;
  let earliest = offset;
  let next: number | undefined;
  let length = 1;
  for (;;) {
    const size = message[at];
    if (size === undefined) throw dnsErrors.HK_DNS_MESSAGE_INVALID('a name runs over the end');
    if (size === 0) return { name: labels.join('.'), next: next ?? at + 1 };
    if ((size & pointerMask) === pointerMask) {
      const low = message[at + 1];
      if (low === undefined) throw dnsErrors.HK_DNS_MESSAGE_INVALID('a pointer runs over the end');
      const target = ((size & ~pointerMask) << 8) | low;
      if (target >= earliest) throw dnsErrors.HK_DNS_MESSAGE_INVALID('a pointer in a name does not lead backwards');
      next ??= at + 2;
      earliest = target;
      at = target;
      continue;
    }
    if (size > labelBytesMax) throw dnsErrors.HK_DNS_MESSAGE_INVALID(`a label of unknown kind 0x${size.toString(16)}`);
    length += size + 1;
    if (length > nameBytesMax) throw dnsErrors.HK_DNS_MESSAGE_INVALID('a name of more than 255 bytes');
    if (at + 1 + size > message.length) throw dnsErrors.HK_DNS_MESSAGE_INVALID('a label runs over the end');
    labels.push(labelText(message.subarray(at + 1, at + 1 + size)));
    at += 1 + size;
  }
}

function labelText(label: Buffer): string {
  return Array.from(label, (byte) => {
    if (byte === 0x2e || byte === 0x5c) return `\\${String.fromCharCode(byte)}`;
    return byte > 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\${byte.toString().padStart(3, '0')}`;
  }).join('');
}

function splitLabels(name: string): number[][] {
  // Longer than any legal name with every byte escaped: refused before it is walked.
  if (name.length > nameBytesMax * 4) throw dnsErrors.HK_DNS_NAME_INVALID(`a text of ${name.length} characters`);
  const labels: number[][] = [[]];
  for (let at = 0; at < name.length; at += 1) {
    const escape = name[at] === '\\' ? /^\\(?:([0-9]{3})|([!-/:-~]))/.exec(name.slice(at, at + 4)) : undefined;
    if (escape === null) throw dnsErrors.HK_DNS_NAME_INVALID('a backslash that escapes nothing');
    if (escape !== undefined) {
      const byte = escape[1] === undefined ? (escape[2]?.charCodeAt(0) ?? 0) : Number(escape[1]);
      if (byte > 255) throw dnsErrors.HK_DNS_NAME_INVALID(`\\${byte} is not a byte`);
      labels.at(-1)?.push(byte);
      at += escape[0].length - 1;
    } else if (name[at] === '.') {
      if (at < name.length - 1) labels.push([]);
    } else {
      const code = name.charCodeAt(at);
      if (code <= 0x20 || code >= 0x7f) throw dnsErrors.HK_DNS_NAME_INVALID('a character outside printable ASCII; write it as \\DDD');
      labels.at(-1)?.push(code);
    }
  }
  return labels;
}
