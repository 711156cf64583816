/** Random numbers that a seed repeats: a failing run can be run again. */

export interface Random {
  /** 0 up to and without `bound`. */
  below(bound: number): number;
  /** True with a chance of 1 in `n`. */
  oneIn(n: number): boolean;
  pick<T>(choices: readonly [T, ...T[]]): T;
}

/** mulberry32 */
export function seededRandom(seed: number): Random {
  let state = seed | 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (bound: number): number => Math.floor(next() * bound);
  return {
    below,
    oneIn: (n) => below(n) === 0,
    pick: (choices) => choices[below(choices.length)] ?? choices[0],
  };
}
