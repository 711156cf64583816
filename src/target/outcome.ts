/** How a SCSI command ends: its status and, with CHECK CONDITION, its sense. */

import { AdditionalSense, type Sense, SenseKey, Status } from '../scsi/index.ts';

export interface Outcome {
  /** A value of `Status`. */
  readonly status: number;
  readonly sense?: Sense;
  /** Its response has a Response Fence (RFC 7143 §4.2.2.3.4). */
  readonly isFenced?: boolean;
}

export const GOOD: Outcome = { status: Status.good };
export const RESERVATION_CONFLICT: Outcome = { status: Status.reservationConflict };

export function checkCondition(key: number, code: number, details: Omit<Sense, 'key' | 'code'> = {}): Outcome {
  return { status: Status.checkCondition, sense: { key, code, ...details } };
}

const { illegalRequest, dataProtect } = SenseKey;

export const INVALID_OPERATION_CODE = checkCondition(illegalRequest, AdditionalSense.invalidCommandOperationCode);
export const LBA_OUT_OF_RANGE = checkCondition(illegalRequest, AdditionalSense.logicalBlockAddressOutOfRange);
export const UNIT_NOT_SUPPORTED = checkCondition(illegalRequest, AdditionalSense.logicalUnitNotSupported);
export const PARAMETER_LIST_LENGTH_ERROR = checkCondition(illegalRequest, AdditionalSense.parameterListLengthError);
export const WRITE_PROTECTED = checkCondition(dataProtect, AdditionalSense.writeProtected);

/** `byte` is where in the CDB the field is. */
export function invalidFieldInCdb(byte: number): Outcome {
  return checkCondition(illegalRequest, AdditionalSense.invalidFieldInCdb, { field: { in: 'cdb', byte } });
}

/** `byte` is where in the parameter list the field is. */
export function invalidFieldInParameterList(byte: number): Outcome {
  return checkCondition(illegalRequest, AdditionalSense.invalidFieldInParameterList, {
    field: { in: 'parameters', byte },
  });
}
