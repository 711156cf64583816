/**
 * Every PDU that has come on one connection, held against what RFC 7143 promises: nothing is answered that was not asked here, nothing
 * twice, and all numbering only goes forward.
 */

import { readU32, serialLess } from '../../../src/bytes/index.ts';
import { Opcode, RESERVED_TAG } from '../../../src/iscsi/opcode.ts';
import {
  AsyncEvent,
  AsyncMessage,
  BasicHeader,
  DataIn,
  LoginResponse,
  ReadyToTransfer,
  Reject,
  TaskManagementResponse,
  TaskManagementResponseCode,
} from '../../../src/iscsi/pdu.ts';
import type { Pdu } from '../../../src/iscsi/pdu-reader.ts';
import type { ObservedConnection } from './connection.ts';
import type { SentRequests } from './sent-requests.ts';
import { StatusNumbers } from './status-numbers.ts';

const answerOpcodes: ReadonlySet<number> = new Set([
  Opcode.nopIn,
  Opcode.scsiResponse,
  Opcode.taskManagementResponse,
  Opcode.loginResponse,
  Opcode.textResponse,
  Opcode.logoutResponse,
]);

const CMD_SN = 24;
const EXP_CMD_SN = 28;
const MAX_CMD_SN = 32;
const TARGET_TRANSFER_TAG = 20;

export class ReceivedPdus {
  readonly #connection: ObservedConnection;
  readonly #sent: SentRequests;
  readonly #onViolation: (what: string) => void;
  readonly #status: StatusNumbers;
  #expCmdSN: number | undefined;
  #maxCmdSN = 0;
  /** CIDs that an Asynchronous Message has told to be lost. */
  readonly toldDropped: number[] = [];

  constructor(connection: ObservedConnection, sent: SentRequests, onViolation: (what: string) => void) {
    this.#connection = connection;
    this.#sent = sent;
    this.#onViolation = onViolation;
    this.#status = new StatusNumbers(() => sent.snacks, onViolation);
  }

  /** StatSN of the next response; undefined before the first. */
  get statSN(): number | undefined {
    return this.#status.next;
  }

  take(pdu: Pdu): void {
    const { opcode, initiatorTaskTag: tag } = BasicHeader.view(pdu.header);
    const { phase } = this.#connection;
    if (!pdu.dataDigestOk) this.#onViolation('a PDU with a wrong data digest');
    if ((phase === 'login') !== (opcode === Opcode.loginResponse)) {
      this.#onViolation(`opcode ${opcode.toString(16)}h in the ${phase} phase`);
    }
    const isAgain = this.#status.take(pdu.header) === 'again';
    this.#checkWindow(opcode, pdu.header);
    if (opcode === Opcode.reject) this.#reject(pdu, isAgain);
    else if (opcode === Opcode.asyncMessage) this.#asyncMessage(pdu.header);
    else if (opcode === Opcode.dataIn) this.#dataIn(pdu.header, isAgain);
    else if (opcode === Opcode.readyToTransfer) this.#readyToTransfer(pdu.header);
    else if (!answerOpcodes.has(opcode)) this.#onViolation(`opcode ${opcode.toString(16)}h is no answer of a target`);
    else if (tag !== RESERVED_TAG || opcode !== Opcode.nopIn) this.#answer(opcode, tag, pdu.header, isAgain);
  }

  /** RFC 7143 §4.2.2.1: MaxCmdSN never falls, nor does ExpCmdSN. */
  #checkWindow(opcode: number, header: Uint8Array): void {
    if (opcode === Opcode.loginResponse && LoginResponse.view(header).statusClass !== 0) return;
    const expCmdSN = readU32(header, EXP_CMD_SN);
    const maxCmdSN = readU32(header, MAX_CMD_SN);
    const before = this.#expCmdSN;
    if (before !== undefined && serialLess(expCmdSN, before)) {
      this.#onViolation(`ExpCmdSN fell from ${before} to ${expCmdSN}`);
    }
    if (before !== undefined && serialLess(maxCmdSN, this.#maxCmdSN)) {
      this.#onViolation(`MaxCmdSN fell from ${this.#maxCmdSN} to ${maxCmdSN}`);
    }
    this.#expCmdSN = expCmdSN;
    this.#maxCmdSN = maxCmdSN;
    this.#connection.session.checkWindow(expCmdSN, maxCmdSN);
  }

  #answer(opcode: number, tag: number, header: Uint8Array, isAgain: boolean): void {
    const { session } = this.#connection;
    if (isAgain) return;
    this.#answered(tag, opcode);
    const targetTransferTag = readU32(header, TARGET_TRANSFER_TAG);
    if (opcode === Opcode.textResponse && targetTransferTag !== RESERVED_TAG) {
      session.remember(session.textTags, targetTransferTag);
    } else if (opcode === Opcode.taskManagementResponse) this.#managed(tag, header);
  }

  #answered(tag: number, opcode: number): void {
    const { due } = this.#connection.session;
    if (due.answered(tag, this.#connection, this.#expCmdSN ?? 0) || this.#sent.takeLookedFor(tag)) return;
    this.#onViolation(`opcode ${opcode.toString(16)}h answers tag ${tag}, for which no answer is due`);
  }

  /** What is due for a task that was taken over is due here from now on. */
  #managed(tag: number, header: Uint8Array): void {
    const reassigned = this.#sent.reassigning(tag);
    if (reassigned === undefined) return;
    if (TaskManagementResponse.view(header).response !== TaskManagementResponseCode.functionComplete) return;
    const { due, connections } = this.#connection.session;
    due.reassigned(reassigned, this.#connection, (other) => connections.some((each) => each === other && each.closed));
    this.#sent.reassigned(reassigned);
  }

  #dataIn(header: Uint8Array, isAgain: boolean): void {
    const { session } = this.#connection;
    const { initiatorTaskTag: tag, hasStatus, acknowledge, targetTransferTag } = DataIn.view(header);
    if (acknowledge) session.remember(session.dataAcks, targetTransferTag);
    if (hasStatus) {
      if (!isAgain) this.#answered(tag, Opcode.dataIn);
    } else if (!this.#mayCome(tag)) this.#onViolation(`data for tag ${tag}, for which no answer is due`);
  }

  #mayCome(tag: number): boolean {
    const isDue = this.#connection.session.due.isDue(tag, this.#connection);
    return isDue || (this.#sent.snacks > 0 && this.#sent.hasAsked(tag));
  }

  #readyToTransfer(header: Uint8Array): void {
    const { session } = this.#connection;
    const {
      initiatorTaskTag,
      targetTransferTag,
      bufferOffset,
      desiredDataTransferLength: length,
    } = ReadyToTransfer.view(header);
    if (!this.#mayCome(initiatorTaskTag)) this.#onViolation(`an R2T for tag ${initiatorTaskTag}, which is not open`);
    if (length === 0) this.#onViolation('an R2T for no data');
    const tags = { initiatorTaskTag, targetTransferTag };
    session.remember(session.r2ts, { connection: this.#connection, ...tags, bufferOffset, length });
  }

  #asyncMessage(header: Uint8Array): void {
    const { asyncEvent, parameter1 } = AsyncMessage.view(header);
    if (asyncEvent !== AsyncEvent.connectionDropped) return;
    this.#connection.session.checkDropped(parameter1);
    this.toldDropped.push(parameter1);
  }

  #reject(pdu: Pdu, isAgain: boolean): void {
    const { reason } = Reject.view(pdu.header);
    const rejected = Buffer.concat(pdu.data).subarray(0, 48);
    if (!this.#sent.rejected(rejected, reason)) {
      this.#onViolation(`a Reject of a PDU that was never sent: ${rejected.toString('hex')}`);
      return;
    }
    const { opcode, initiatorTaskTag, immediate } = BasicHeader.view(rejected);
    if (isAgain || opcode === Opcode.dataOut || opcode === Opcode.snackRequest) return;
    const cmdSN = immediate ? undefined : readU32(rejected, CMD_SN);
    this.#connection.session.due.rejected(initiatorTaskTag, this.#connection, cmdSN);
  }
}
