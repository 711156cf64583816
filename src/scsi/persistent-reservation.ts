/** Persistent reservations: their scope and their types (SPC-4). */

/** SCOPE: reservations of anything but the whole logical unit are obsolete. */
export const LU_SCOPE = 0;

/** TYPE of a reservation. */
export const ReservationType = {
  writeExclusive: 1,
  exclusiveAccess: 3,
  writeExclusiveRegistrantsOnly: 5,
  exclusiveAccessRegistrantsOnly: 6,
  writeExclusiveAllRegistrants: 7,
  exclusiveAccessAllRegistrants: 8,
} as const;

export type ReservationType = (typeof ReservationType)[keyof typeof ReservationType];

export const reservationTypes: readonly ReservationType[] = Object.values(ReservationType);

/** The type that a TYPE field names; undefined for the obsolete and reserved ones. */
export function reservationType(value: number): ReservationType | undefined {
  return reservationTypes.find((type) => type === value);
}
