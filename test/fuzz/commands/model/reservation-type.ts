/** TYPE of a persistent reservation (SPC-4): write exclusive or exclusive access, for one, for registrants, or held by all of those. */

export const types: ReadonlySet<number> = new Set([1, 3, 5, 6, 7, 8]);

export function isWriteExclusive(type: number): boolean {
  return type === 1 || type === 5 || type === 7;
}

/** Registrants have the access of the holder. */
export function isShared(type: number): boolean {
  return type >= 5;
}

/** Registrants are the holders. */
export function isAllRegistrants(type: number): boolean {
  return type >= 7;
}
