/** The subnet 10.x.y.0/24. */
export interface Subnet {
  readonly x: number;
  readonly y: number;
}

const attemptsMax = 1_000;

/** Draws a subnet that overlaps none of the ranges. */
export function pickSubnet(taken: readonly string[], below: (bound: number) => number): Subnet {
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    const subnet = { x: below(256), y: below(256) };
    if (!overlaps(subnet, taken)) return subnet;
  }
  throw new Error('found no subnet of 10.0.0.0/8 that this machine does not use already');
}

/** Whether the subnet shares an address with one of the ranges (`192.0.2.0/24`, or a single address). */
export function overlaps({ x, y }: Subnet, ranges: readonly string[]): boolean {
  const start = toNumber(`10.${x}.${y}.0`);
  return ranges.some((range) => {
    const [address = '', length = '32'] = range.split('/');
    const shift = 32 - Math.min(Number(length), 24);
    return shift >= 32 || Math.floor(toNumber(address) / 2 ** shift) === Math.floor(start / 2 ** shift);
  });
}

/**
 * Destinations of the machine's routes, without default routes and without those of `except`, our own interface.
 *
 * @param json  Output of `ip -json -4 route show table all`.
 */
export function routeRanges(json: string, except: string): readonly string[] {
  const routes = JSON.parse(json) as readonly { readonly dst: string; readonly dev?: string }[];
  return routes.filter(({ dst, dev }) => dst !== 'default' && dst !== '0.0.0.0/0' && dev !== except).map(({ dst }) => dst);
}

function toNumber(address: string): number {
  return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}
