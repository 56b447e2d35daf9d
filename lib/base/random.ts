/** Chance comes in through this door. It is drawn once and stored, so that asking twice gives the same answer. */
export interface Random {
  /** A whole number in [0, bound). `bound` is at least 1 and at most 2^32. */
  below(bound: number): number;
}

/** A seeded source for simulations and tests: the same seed gives the same run on every machine (xorshift128, seeded by splitmix32). */
export function seededRandom(seed: number): Random {
  let s = seed >>> 0;
  const mix = (): number => {
    s = (s + 0x9e3779b9) >>> 0;
    let z = s;
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
    return (z ^ (z >>> 16)) >>> 0;
  };
  let a = mix() | 1;
  let b = mix();
  let c = mix();
  let d = mix();
  return {
    below: (bound) => {
      const t = a ^ (a << 11);
      a = b;
      b = c;
      c = d;
      d = (d ^ (d >>> 19) ^ t ^ (t >>> 8)) >>> 0;
      return Math.floor((d / 2 ** 32) * bound);
    },
  };
}
