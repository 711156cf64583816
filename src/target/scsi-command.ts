/** What of a SCSI Command PDU is in its additional headers, and how it fails because of them (RFC 7143 §11.2.2, §11.3). */

import { type AdditionalHeaders, decodeAdditionalHeaders } from '../iscsi/additional-header.ts';
import type { Pdu } from '../iscsi/pdu-reader.ts';
import { AdditionalSense, SenseKey } from '../scsi/index.ts';
import { checkCondition, type Outcome } from './outcome.ts';
import type { Task } from './task.ts';

const none: AdditionalHeaders = {
  extendedCdb: undefined,
  bidirectionalReadLength: undefined,
  unknownCode: undefined,
};

const BIDIRECTIONAL = checkCondition(SenseKey.illegalRequest, AdditionalSense.invalidFieldInCommandInformationUnit);

/** Raises ISCSI_AHS_MALFORMED. */
export function additionalHeadersOf(pdu: Pdu): AdditionalHeaders {
  return pdu.ahs.length === 0 ? none : decodeAdditionalHeaders(pdu.ahs);
}

/**
 * No command here both reads and writes. One that offers both ways is not run: a part of its data would go nowhere (RFC 7143
 * §11.3.4). With no data at all, both flags mean nothing (RFC 7143 §11.3.1).
 */
export function bidirectionalRefusal(task: Task): Outcome | undefined {
  const bothWays = task.isRead && task.isWrite && task.expectedDataTransferLength > 0;
  return bothWays || task.bidirectionalReadLength > 0 ? BIDIRECTIONAL : undefined;
}
