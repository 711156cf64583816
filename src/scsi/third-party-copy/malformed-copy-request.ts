/** Why the parameter list of a copy cannot be worked on. */

import { AdditionalSense } from '../additional-sense.ts';

/** Its length is wrong, or a field: the additional sense code, and the byte at which the field is. */
export type MalformedCopyRequest =
  | { readonly malformed: 'length' }
  | { readonly malformed: 'field'; readonly code: number; readonly byte: number };

export function invalidInList(
  byte: number,
  code: number = AdditionalSense.invalidFieldInParameterList,
): MalformedCopyRequest {
  return { malformed: 'field', code, byte };
}
