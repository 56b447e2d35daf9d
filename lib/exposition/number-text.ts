/** The text of a sample's value as the formats spell it. Shortest text that reads back as the same number. */
export function valueText(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (value === Infinity) return '+Inf';
  if (value === -Infinity) return '-Inf';
  return String(value);
}

/**
 * The canonical text of a bucket's bound: always a decimal point or an exponent, exponents of two digits from 1e+06 and below 1e-04.
 * Both formats get the same text, so that a query does not depend on the negotiated one.
 *
 * @see OpenMetrics 1.0, "Canonical Numbers"
 */
export function boundText(bound: number): string {
  if (!Number.isFinite(bound)) return valueText(bound);
  const [digits = '0', exponentText = '0'] = bound.toExponential().split('e');
  const exponent = Number(exponentText);
  if (bound !== 0 && (exponent < -4 || exponent >= 6)) {
    return `${digits}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`;
  }
  return Number.isInteger(bound) ? `${bound}.0` : String(bound);
}

/** Largest text of a number: sign, 17 digits, point, exponent. With room to spare. */
export const numberBytesMax = 32;

const minus = 0x2d;
const point = 0x2e;
const zero = 0x30;

/**
 * Writes `valueText(value)` into `bytes` from `at`, which must leave `numberBytesMax` bytes; returns the place behind it.
 *
 * Whole numbers, thousandths and millionths (nearly all that metrics hold) are written digit by digit. A decimal of at most 15
 * digits that reads back as the same double is its shortest text, because no two such decimals share a double; everything else
 * takes the engine's own conversion.
 */
export function writeNumber(bytes: Uint8Array, at: number, value: number): number {
  const size = value < 0 ? -value : value;
  let digits = size;
  let decimals = 0;
  if (Math.floor(size) !== size) {
    digits = Math.round(size * 1e3);
    decimals = 3;
    if (digits / 1e3 !== size) {
      digits = Math.round(size * 1e6);
      decimals = 6;
      if (digits / 1e6 !== size) return writeText(bytes, at, valueText(value));
    }
    // Below 1e-6 the engine writes an exponent, and a rounded zero is not the number.
    if (digits === 0) return writeText(bytes, at, valueText(value));
  }
  if (!(digits < 1e15)) return writeText(bytes, at, valueText(value));
  while (decimals > 0 && digits % 10 === 0) {
    digits /= 10;
    decimals -= 1;
  }
  let start = at;
  if (value < 0) bytes[start++] = minus;
  return writeDigits(bytes, start, digits, decimals);
}

/** Writes a whole number below 1e15 with a point before its last `decimals` digits, from right to left in 32-bit halves. */
function writeDigits(bytes: Uint8Array, at: number, digits: number, decimals: number): number {
  let high = 0;
  let low = digits;
  if (digits >= 1e9) {
    high = Math.floor(digits / 1e9);
    low = digits - high * 1e9;
  }
  low |= 0;
  let count = high > 0 ? 9 + digitCount(high) : digitCount(low);
  if (count <= decimals) count = decimals + 1;
  const end = at + count + (decimals > 0 ? 1 : 0);
  let place = end;
  for (let written = 0; written < count; written += 1) {
    if (written === decimals && decimals > 0) bytes[--place] = point;
    if (written === 9) low = high;
    const rest = (low / 10) | 0;
    bytes[--place] = zero + low - rest * 10;
    low = rest;
  }
  return end;
}

function digitCount(whole: number): number {
  let count = 1;
  for (let bound = 10; whole >= bound; bound *= 10) count += 1;
  return count;
}

function writeText(bytes: Uint8Array, at: number, text: string): number {
  for (let index = 0; index < text.length; index += 1) bytes[at + index] = text.charCodeAt(index);
  return at + text.length;
}
