/** The answers to SCSI commands: Data-In PDUs with the status in the last of them, or a SCSI Response (RFC 7143 §11.4, §11.7). */

import { totalLength, writeU16 } from '../bytes/index.ts';
import { Opcode, RESERVED_TAG } from '../iscsi/opcode.ts';
import type { Parameters } from '../iscsi/parameters.ts';
import { DataIn, ScsiResponse, ScsiResponseCode } from '../iscsi/pdu.ts';
import { encodeSense, type SenseFormat } from '../scsi/index.ts';
import type { CommandWindow } from './command-window.ts';
import type { Outcome } from './outcome.ts';
import type { PduSender } from './pdu-sender.ts';
import type { Task } from './task.ts';

/** What the answers on one connection need. */
export interface AnswerContext {
  readonly sender: PduSender;
  readonly window: Pick<CommandWindow<unknown>, 'expCmdSN' | 'maxCmdSN'>;
  readonly parameters: Pick<Parameters, 'maxSendDataSegmentLength' | 'maxBurstLength' | 'errorRecoveryLevel'>;
  /** Gives the Target Transfer Tag of a Data-In that wants a DataACK (RFC 7143 §11.7.2); undefined when it is to want none. */
  askDataAck(initiatorTaskTag: number): number | undefined;
}

/** SPDTL minus EDTL: positive when the initiator's buffer was too small (RFC 7143 §11.4.5.2). */
function residual(task: Task, transferred: number): number {
  return transferred - task.expectedDataTransferLength;
}

/**
 * Sends `task.dataIn` as Data-In PDUs of at most the initiator's MaxRecvDataSegmentLength, in sequences of at most MaxBurstLength.
 * With `last`, the final PDU carries the status GOOD.
 */
export function sendDataIn(context: AnswerContext, task: Task, last: boolean): void {
  const { maxBurstLength } = context.parameters;
  // Whole words, but for the last PDU of a sequence (RFC 7143 §11.7.7).
  const maxLength = context.parameters.maxSendDataSegmentLength & ~3;
  const room = task.expectedDataTransferLength - task.bufferOffset;
  let left = Math.min(room, totalLength(task.dataIn));
  let buffer = 0;
  let at = 0;
  while (left > 0) {
    const burstLeft = maxBurstLength - (task.bufferOffset % maxBurstLength);
    const length = Math.min(left, maxLength, burstLeft);
    const first = task.dataIn[buffer];
    let data: readonly Uint8Array[];
    if (first !== undefined && at === 0 && first.length === length) {
      // The common case: one buffer, one PDU.
      data = task.dataIn.length === 1 ? task.dataIn : [first];
      buffer += 1;
    } else {
      const parts: Uint8Array[] = [];
      for (let missing = length; missing > 0; ) {
        const source = task.dataIn[buffer];
        if (source === undefined) break;
        const part = source.subarray(at, at + missing);
        parts.push(part);
        missing -= part.length;
        at += part.length;
        if (at === source.length) {
          buffer += 1;
          at = 0;
        }
      }
      data = parts;
    }
    left -= length;
    sendDataInPdu(context, task, data, length, left === 0 && last, length === burstLeft || left === 0);
  }
}

const { fields } = DataIn;

function sendDataInPdu(
  context: AnswerContext,
  task: Task,
  data: readonly Uint8Array[],
  length: number,
  withStatus: boolean,
  final: boolean,
): void {
  const bytes = context.sender.newHeader();
  // Field by field, as every READ comes here: a view of the header would be an object more.
  fields.opcode.write(bytes, 0, Opcode.dataIn);
  fields.final.write(bytes, 0, final);
  fields.initiatorTaskTag.write(bytes, 0, task.initiatorTaskTag);
  fields.targetTransferTag.write(bytes, 0, RESERVED_TAG);
  fields.expCmdSN.write(bytes, 0, context.window.expCmdSN);
  fields.maxCmdSN.write(bytes, 0, context.window.maxCmdSN);
  fields.dataSN.write(bytes, 0, task.dataSN);
  fields.bufferOffset.write(bytes, 0, task.bufferOffset);
  if (withStatus) {
    const difference = residual(task, task.dataInLength);
    fields.hasStatus.write(bytes, 0, true);
    fields.statSN.write(bytes, 0, context.sender.takeStatSN());
    if (difference !== 0) {
      fields.overflow.write(bytes, 0, difference > 0);
      fields.underflow.write(bytes, 0, difference < 0);
      fields.residualCount.write(bytes, 0, Math.abs(difference));
    }
  } else if (
    final &&
    context.parameters.errorRecoveryLevel > 0 &&
    (task.bufferOffset + length) % context.parameters.maxBurstLength === 0
  ) {
    const targetTransferTag = context.askDataAck(task.initiatorTaskTag);
    if (targetTransferTag !== undefined) {
      fields.acknowledge.write(bytes, 0, true);
      fields.lun.write(bytes, 0, task.lun);
      fields.targetTransferTag.write(bytes, 0, targetTransferTag);
    }
  }
  task.dataSN += 1;
  task.bufferOffset += length;
  context.sender.send(bytes, data);
}

/** Sends the SCSI Response of a task: after its Data-In PDUs, if there were any. `earlierStatSN`: of the one that it replaces. */
export function sendScsiResponse(
  context: AnswerContext,
  task: Task,
  outcome: Outcome,
  transferred: number,
  format: SenseFormat,
  earlierStatSN?: number,
): void {
  const bytes = context.sender.newHeader();
  const header = ScsiResponse.edit(bytes);
  header.opcode = Opcode.scsiResponse;
  header.final = true;
  header.response = ScsiResponseCode.completed;
  header.status = outcome.status;
  header.initiatorTaskTag = task.initiatorTaskTag;
  header.snackTag = task.snackTag;
  header.statSN = earlierStatSN === undefined ? context.sender.takeStatSN() : context.sender.reuseStatSN(earlierStatSN);
  header.expCmdSN = context.window.expCmdSN;
  header.maxCmdSN = context.window.maxCmdSN;
  header.expDataSN = task.dataSN;
  const difference = residual(task, transferred);
  if (difference !== 0) {
    header.overflow = difference > 0;
    header.underflow = difference < 0;
    header.residualCount = Math.abs(difference);
  }
  if (task.bidirectionalReadLength > 0) {
    header.bidirectionalUnderflow = true;
    header.bidirectionalResidualCount = task.bidirectionalReadLength;
  }
  if (outcome.sense === undefined) {
    context.sender.send(bytes);
    return;
  }
  // RFC 7143 §11.4.7: the sense data after its own length.
  const sense = encodeSense(outcome.sense, format);
  const data = new Uint8Array(2 + sense.length);
  writeU16(data, 0, sense.length);
  data.set(sense, 2);
  context.sender.send(bytes, [data]);
}
