/** Numbers in text keys (RFC 7143 §6.1): decimal constants without leading zeros, or hexadecimal ones. */

const constant = /^(0[xX][0-9a-fA-F]{1,16}|0|[1-9][0-9]{0,19})$/;

/** Undefined when it is no number, or out of bounds. */
export function parseNumericalValue(text: string, minimum: number, maximum: number): number | undefined {
  if (!constant.test(text)) return undefined;
  const value = Number(text);
  return value >= minimum && value <= maximum ? value : undefined;
}
