/**
 * Serial-number arithmetic on 32 bits (RFC 1982, which RFC 7143 §4.2.2.1 applies to CmdSN, StatSN and DataSN): numbers wrap, and
 * "less" means "reached by adding less than 2^31".
 */

/** `a + n` on the circle. */
export function serialAdd(a: number, n: number): number {
  return (a + n) >>> 0;
}

/** How far `b` lies ahead of `a`: negative when behind. Range -2^31 .. 2^31-1. */
export function serialDistance(a: number, b: number): number {
  return (b - a) | 0;
}

export function serialLess(a: number, b: number): boolean {
  return ((a - b) | 0) < 0;
}

export function serialLessOrEqual(a: number, b: number): boolean {
  return ((a - b) | 0) <= 0;
}
