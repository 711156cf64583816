/** SNACK: what was sent and got lost is sent again (RFC 7143 §11.16, §7.8). */

import { RESERVED_TAG } from '../iscsi/opcode.ts';
import { RejectReason, SnackRequest, SnackType } from '../iscsi/pdu.ts';
import type { Pdu } from '../iscsi/pdu-reader.ts';
import { SenseKey } from '../scsi/index.ts';
import { sendDataIn, sendScsiResponse } from './data-in.ts';
import type { SentPdu } from './kept-payload.ts';
import { checkCondition } from './outcome.ts';
import { renewedHeader, type SentPdus } from './sent-pdus.ts';
import type { SessionConnection } from './session-connection.ts';
import type { Task } from './task.ts';

/** "Read error - failed retransmission request" (RFC 7143 §11.4.7.2). */
export const SNACK_REJECTED = checkCondition(SenseKey.abortedCommand, 0x1113);

export function receiveSnack(connection: SessionConnection, pdu: Pdu): void {
  const { sent, responses } = connection;
  const request = SnackRequest.view(pdu.header);
  const { type, begRun, runLength, initiatorTaskTag } = request;
  const reject = (reason: number, dataSN = 0): void => responses.reject(reason, pdu, dataSN);
  if (sent === undefined) {
    // Nothing is kept to be sent again with ErrorRecoveryLevel 0.
    reject(RejectReason.snackReject);
    return;
  }
  switch (type) {
    case SnackType.status:
      sendAgain(connection, sent.responses(begRun, runLength), reject);
      return;
    case SnackType.dataOrR2T: {
      const run = sent.run(initiatorTaskTag, begRun, runLength);
      // The initiator learns which number comes next (RFC 7143 §11.17.2).
      sendAgain(connection, run, (reason) => reject(reason, sent.nextNumber(initiatorTaskTag)));
      if (run === RejectReason.snackReject) endRejected(connection, sent, initiatorTaskTag);
      return;
    }
    case SnackType.dataAck:
      // RunLength must be 0 (RFC 7143 §11.16.7).
      if (runLength !== 0 || !sent.acknowledgeData(request.targetTransferTag, begRun)) {
        reject(RejectReason.invalidDataAck);
      }
      return;
    case SnackType.rData:
      sendResegmented(connection, sent, request, reject);
      return;
    default:
      reject(RejectReason.protocolError);
  }
}

function sendAgain(
  { sender, window }: SessionConnection,
  run: readonly SentPdu[] | number,
  reject: (reason: number) => void,
): void {
  if (typeof run === 'number') {
    reject(run);
    return;
  }
  for (const pdu of run) sender.resend(renewedHeader(pdu, sender.newHeader(), window, sender.statSN), pdu.data);
}

/** A task whose data is lost for good fails, unless its answer is on its way already (RFC 7143 §7.8 a.1). */
function endRejected({ session }: SessionConnection, sent: SentPdus, initiatorTaskTag: number): void {
  const task = session.tasks.find(initiatorTaskTag);
  if (task !== undefined && sent.statSNOf(initiatorTaskTag) === undefined) session.tasks.fail(task, SNACK_REJECTED);
}

/** R-Data SNACK: all that is not acknowledged again, then a SCSI Response that carries the tag (RFC 7143 §11.16.3). */
function sendResegmented(
  connection: SessionConnection,
  sent: SentPdus,
  { initiatorTaskTag, targetTransferTag: snackTag, begRun, runLength }: SnackRequest,
  reject: (reason: number) => void,
): void {
  const answered = sent.findAnswered(initiatorTaskTag);
  const task = answered?.task ?? connection.session.tasks.find(initiatorTaskTag);
  if (task === undefined || begRun !== 0 || runLength !== 0 || snackTag === 0 || snackTag === RESERVED_TAG) {
    reject(RejectReason.protocolError);
    return;
  }
  task.snackTag = snackTag;
  const statSN = sent.statSNOf(initiatorTaskTag);
  if (!sendUnacknowledged(connection, sent, task, 0)) {
    reject(RejectReason.snackReject);
    endRejected(connection, sent, initiatorTaskTag);
  } else if (answered !== undefined && statSN !== undefined) {
    const { outcome, transferred } = answered;
    sendScsiResponse(connection, task, outcome, transferred, task.unit?.senseFormat ?? 'fixed', statSN);
  }
}

/**
 * Sends the Data-In of a task again, cut anew for this connection, from `expDataSN` or what is not acknowledged. `from` is where it
 * was sent before. False when some of it is no longer kept.
 */
export function sendUnacknowledged(
  connection: SessionConnection,
  from: SentPdus,
  task: Task,
  expDataSN: number,
): boolean {
  const payload = from.payload(task.initiatorTaskTag, expDataSN);
  if (payload === undefined) return false;
  if (payload.first === undefined) return true;
  const rest = task.dataIn;
  task.rewind(payload.first);
  connection.sent?.recut(task.initiatorTaskTag, task.dataSN);
  task.dataIn = payload.data;
  sendDataIn(connection, task, false);
  task.dataIn = rest;
  return true;
}
