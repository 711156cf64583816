/** SANITIZE as data: its CDB, the parameter list of OVERWRITE, and what may run beside it (SBC-3). */

import { bits, flag, layout, u8, u16 } from '../bytes/index.ts';

export const SanitizeAction = {
  overwrite: 0x01,
  blockErase: 0x02,
  cryptographicErase: 0x03,
  exitFailureMode: 0x1f,
} as const;

export const SanitizeCdb = layout('SANITIZE', 10, {
  operationCode: u8(0),
  immediate: flag(1, 7),
  reservedBit: flag(1, 6),
  allowUnrestrictedExit: flag(1, 5),
  serviceAction: bits(1, 0, 5),
  parameterListLength: u16(7),
});

/** Bytes 2 to 6 of the CDB. */
const RESERVED = { from: 2, to: 7 };

export const OverwriteParameters = layout('SANITIZE OVERWRITE parameter list', 4, {
  invert: flag(0, 7),
  test: bits(0, 5, 2),
  overwriteCount: bits(0, 0, 5),
  patternLength: u16(2),
});

interface Completion {
  /** IMMED: answered when it has begun. */
  readonly immediate: boolean;
  /** AUSE: EXIT FAILURE MODE may end a failure. */
  readonly allowUnrestrictedExit: boolean;
}

export type SanitizeRequest =
  | (Completion & {
      readonly action: 'overwrite';
      readonly pattern: Uint8Array;
      readonly passes: number;
      /** Every pass after the first writes the complement of the one before. */
      readonly invert: boolean;
    })
  | (Completion & { readonly action: 'erase' })
  | { readonly action: 'exit failure mode' };

export type MalformedSanitize = { readonly malformed: 'cdb' | 'parameter list'; readonly byte: number };

/** Checks all that can be checked before the parameter list is there; undefined when there is nothing wrong. */
export function checkSanitizeCdb(cdb: Uint8Array, blockSize: number): MalformedSanitize | undefined {
  const { reservedBit, serviceAction, parameterListLength } = SanitizeCdb.view(cdb);
  const known = Object.values(SanitizeAction).some((action) => action === serviceAction);
  if (!known || reservedBit) return { malformed: 'cdb', byte: 1 };
  const reserved = cdb.subarray(RESERVED.from, RESERVED.to).findIndex((byte) => byte !== 0);
  if (reserved >= 0) return { malformed: 'cdb', byte: RESERVED.from + reserved };
  const overwrite = serviceAction === SanitizeAction.overwrite;
  const [least, most] = overwrite ? [OverwriteParameters.size + 1, OverwriteParameters.size + blockSize] : [0, 0];
  return parameterListLength < least || parameterListLength > most ? { malformed: 'cdb', byte: 7 } : undefined;
}

/** Reads the CDB and its parameter list, which is as long as the CDB says. */
export function decodeSanitize(
  cdb: Uint8Array,
  list: Uint8Array,
  blockSize: number,
): SanitizeRequest | MalformedSanitize {
  const malformed = checkSanitizeCdb(cdb, blockSize);
  if (malformed !== undefined) return malformed;
  const { serviceAction, immediate, allowUnrestrictedExit, parameterListLength } = SanitizeCdb.view(cdb);
  if (serviceAction === SanitizeAction.exitFailureMode) return { action: 'exit failure mode' };
  const completion = { immediate, allowUnrestrictedExit };
  if (serviceAction !== SanitizeAction.overwrite) return { action: 'erase', ...completion };
  if (list.length < parameterListLength) return { malformed: 'cdb', byte: 7 };
  const { invert, test, overwriteCount, patternLength } = OverwriteParameters.view(list);
  if (test !== 0 || overwriteCount === 0) return { malformed: 'parameter list', byte: 0 };
  if (patternLength === 0 || OverwriteParameters.size + patternLength !== parameterListLength) {
    return { malformed: 'parameter list', byte: 2 };
  }
  const pattern = new Uint8Array(list.subarray(OverwriteParameters.size, parameterListLength));
  return { action: 'overwrite', pattern, passes: overwriteCount, invert, ...completion };
}

/** Commands that are answered as ever while the medium is being sanitized, or after that has failed. */
const allowed: ReadonlySet<string> = new Set([
  'inquiry',
  'logSense',
  'modeSense6',
  'modeSense10',
  'readCapacity10',
  'readCapacity16',
  'reportIdentifyingInformation',
  'reportLuns',
  'reportSupportedOperationCodes',
  'reportSupportedTaskManagementFunctions',
  'reportTargetPortGroups',
  'reportTimestamp',
  'requestSense',
]);

export function isAllowedDuringSanitize(commandName: string): boolean {
  return allowed.has(commandName) || commandName.startsWith('persistentReserveIn');
}
