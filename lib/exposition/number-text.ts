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

/** `00` to `99`, two bytes each. */
const pairs = Buffer.from(Array.from({ length: 100 }, (_, number) => String(number).padStart(2, '0')).join(''));

/**
 * Writes `valueText(value)` into `bytes` from `at`, which must leave `numberBytesMax` bytes; returns the place behind it.
 *
 * Whole numbers, thousandths and millionths (nearly all that metrics hold) are written digit by digit. A decimal of at most 15
 * digits that reads back as the same double is its shortest text, because no two such decimals share a double; everything else
 * takes the engine's own conversion. From here on only 32-bit arithmetic: remainders of doubles are slow.
 */
export function writeNumber(bytes: Uint8Array, at: number, value: number): number {
  const size = value < 0 ? -value : value;
  if (!(size < 1e15)) return writeText(bytes, at, valueText(value));
  const whole = Math.floor(size);
  let places = 0;
  let fraction = 0;
  if (whole !== size) {
    const thousandths = Math.round(size * 1e3);
    const millionths = Math.round(size * 1e6);
    if (thousandths / 1e3 === size && thousandths < 1e15) {
      places = 3;
      fraction = thousandths - whole * 1e3;
    } else if (millionths / 1e6 === size && millionths < 1e15) {
      places = 6;
      fraction = millionths - whole * 1e6;
    } else return writeText(bytes, at, valueText(value));
  }
  let place = at;
  if (value < 0) bytes[place++] = minus;
  place = writeWhole(bytes, place, whole);
  if (places === 0) return place;
  bytes[place++] = point;
  return writeFraction(bytes, place, fraction | 0, places);
}

/** A whole number below 1e15, in two halves when it does not fit 32 bits. */
function writeWhole(bytes: Uint8Array, at: number, whole: number): number {
  if (whole < 1e9) {
    const small = whole | 0;
    return writePadded(bytes, at, small, digitCount(small));
  }
  const high = Math.floor(whole / 1e9);
  const place = writePadded(bytes, at, high | 0, digitCount(high | 0));
  return writePadded(bytes, place, (whole - high * 1e9) | 0, 9);
}

/** The decimals without the zeros at their end. */
function writeFraction(bytes: Uint8Array, at: number, fraction: number, places: number): number {
  let rest = fraction;
  let count = places;
  while (rest % 10 === 0) {
    rest = (rest / 10) | 0;
    count -= 1;
  }
  return writePadded(bytes, at, rest, count);
}

/** A whole number below 1e9 in `count` digits, from right to left, two at a time. */
function writePadded(bytes: Uint8Array, at: number, number: number, count: number): number {
  const end = at + count;
  let rest = number;
  let place = end;
  for (; place - at >= 2; place -= 2) {
    const next = (rest / 100) | 0;
    const pair = 2 * (rest - next * 100);
    bytes[place - 1] = pairs[pair + 1]!;
    bytes[place - 2] = pairs[pair]!;
    rest = next;
  }
  if (place > at) bytes[at] = zero + rest;
  return end;
}

/** Digits of a whole number below 1e9. */
function digitCount(whole: number): number {
  if (whole < 1e4) return whole < 100 ? (whole < 10 ? 1 : 2) : whole < 1e3 ? 3 : 4;
  if (whole < 1e6) return whole < 1e5 ? 5 : 6;
  return whole < 1e7 ? 7 : whole < 1e8 ? 8 : 9;
}

function writeText(bytes: Uint8Array, at: number, text: string): number {
  for (let index = 0; index < text.length; index += 1) bytes[at + index] = text.charCodeAt(index);
  return at + text.length;
}
