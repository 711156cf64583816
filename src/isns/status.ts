/** How an iSNS request went (RFC 4171 §5.4). */

export const Status = {
  successful: 0,
  unknownError: 1,
  messageFormatError: 2,
  invalidRegistration: 3,
  invalidQuery: 5,
  sourceUnknown: 6,
  sourceAbsent: 7,
  sourceUnauthorized: 8,
  noSuchEntry: 9,
  versionNotSupported: 10,
  internalError: 11,
  busy: 12,
  optionNotUnderstood: 13,
  invalidUpdate: 14,
  messageNotSupported: 15,
  scnEventRejected: 16,
  scnRegistrationRejected: 17,
  attributeNotImplemented: 18,
  esiNotAvailable: 21,
  invalidDeregistration: 22,
  registrationFeatureNotSupported: 23,
} as const;

export type StatusCode = (typeof Status)[keyof typeof Status];

const words: ReadonlyMap<number, string> = new Map(
  Object.entries(Status).map(([name, code]) => [
    code,
    name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`),
  ]),
);

/** As in "status 8 (source unauthorized)". */
export function describeStatus(status: number): string {
  return `status ${status} (${words.get(status) ?? 'reserved'})`;
}
