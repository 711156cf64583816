/** What comes from the target: each PDU to the command or the request that it answers. */

import { inOnePiece, ProtocolError, readU32 } from '../bytes/index.ts';
import { Opcode, RESERVED_TAG } from '../iscsi/opcode.ts';
import type { Parameters } from '../iscsi/parameters.ts';
import { DataIn, NopIn, ReadyToTransfer, Reject, ScsiResponse } from '../iscsi/pdu.ts';
import type { Pdu } from '../iscsi/pdu-reader.ts';
import type { Outstanding } from './outstanding.ts';
import { pingAnswer } from './request.ts';
import { formatError } from './response-format.ts';
import type { Sender } from './sender.ts';
import { rejected } from './session-error.ts';
import type { Task } from './task.ts';

export interface ReceptionOptions {
  readonly outstanding: Outstanding;
  readonly sender: Sender;
  readonly parameters: Pick<Parameters, 'maxBurstLength' | 'iSCSIProtocolLevel'>;
  /** Told at once: the target may close the connection right behind this answer. */
  readonly onLoggedOut: () => void;
  /** An Asynchronous Message. */
  readonly onMessage: (pdu: Pdu) => void;
  /** `reason` is a value of RejectReason; `task` what the rejected PDU belongs to, where that is a command. */
  readonly onReject: (reason: number, task: Task | undefined) => void;
}

export class Reception {
  readonly #options: ReceptionOptions;
  readonly #outstanding: Outstanding;
  readonly #sender: Sender;

  constructor(options: ReceptionOptions) {
    this.#options = options;
    this.#outstanding = options.outstanding;
    this.#sender = options.sender;
  }

  /**
   * Takes one PDU. Raises ISCSI_DATA_DIGEST, ISCSI_PDU_FORMAT, ISCSI_PDU_UNEXPECTED, ISCSI_STATUS_ORDER, ISCSI_DATA_IN_ORDER,
   * ISCSI_R2T_RANGE.
   */
  receive(pdu: Pdu): void {
    if (!pdu.dataDigestOk) {
      throw new ProtocolError('ISCSI_DATA_DIGEST', 'the data digest of a PDU does not match its data');
    }
    const { header } = pdu;
    const opcode = (header[0] ?? 0) & 0x3f;
    const error = formatError(opcode, header, pdu.dataLength);
    if (error !== undefined) throw new ProtocolError('ISCSI_PDU_FORMAT', error);
    // Every PDU of a target numbers the commands in the same place (RFC 7143 §11).
    this.#sender.window.update(readU32(header, 28), readU32(header, 32));
    switch (opcode) {
      case Opcode.dataIn:
        this.#dataIn(pdu);
        return;
      case Opcode.scsiResponse:
        this.#response(pdu);
        return;
      case Opcode.readyToTransfer:
        this.#readyToTransfer(pdu);
        return;
      case Opcode.nopIn:
        this.#nop(pdu);
        return;
      case Opcode.asyncMessage:
        this.#sender.acknowledge(pdu);
        this.#options.onMessage(pdu);
        return;
      case Opcode.reject:
        this.#reject(pdu);
        return;
      case Opcode.logoutResponse:
        this.#options.onLoggedOut();
        this.#answer(pdu);
        return;
      case Opcode.textResponse:
      case Opcode.taskManagementResponse:
        this.#answer(pdu);
        return;
      default:
        throw new ProtocolError('ISCSI_PDU_UNEXPECTED', `the target sent a PDU with opcode ${opcode.toString(16)}h`);
    }
  }

  #dataIn(pdu: Pdu): void {
    const header = DataIn.view(pdu.header);
    if (header.hasStatus) this.#sender.acknowledge(pdu);
    const task = this.#outstanding.task(header.initiatorTaskTag);
    // A task that was aborted meanwhile may still get data (RFC 7143 §11.5.1).
    if (task?.receiveData(pdu, header) !== true) return;
    this.#outstanding.forget(task);
    task.completeWithData(header);
  }

  #response(pdu: Pdu): void {
    this.#sender.acknowledge(pdu);
    const header = ScsiResponse.view(pdu.header);
    const task = this.#outstanding.task(header.initiatorTaskTag);
    if (task === undefined) return;
    if (task.isShortOf(header)) {
      throw new ProtocolError('ISCSI_DATA_IN_ORDER', `Data-In up to ${header.expDataSN} was sent and has not come`);
    }
    this.#outstanding.forget(task);
    task.complete(pdu, header, this.#options.parameters.iSCSIProtocolLevel);
  }

  #readyToTransfer(pdu: Pdu): void {
    const header = ReadyToTransfer.view(pdu.header);
    const task = this.#outstanding.task(header.initiatorTaskTag);
    if (task?.takeReadyToTransfer(header, this.#options.parameters.maxBurstLength) !== true) return;
    this.#sender.data(task, header.targetTransferTag, header.bufferOffset, header.desiredDataTransferLength);
  }

  #nop(pdu: Pdu): void {
    const header = NopIn.view(pdu.header);
    if (header.initiatorTaskTag !== RESERVED_TAG) this.#answer(pdu);
    // A tag of the target's asks for an answer (RFC 7143 §11.19.2). Its StatSN is only announced, not used up.
    if (header.targetTransferTag === RESERVED_TAG) return;
    this.#sender.immediate(RESERVED_TAG, (answer) => pingAnswer(answer, header));
  }

  /** The data segment holds the header that was rejected (RFC 7143 §11.17). */
  #reject(pdu: Pdu): void {
    this.#sender.acknowledge(pdu);
    const { reason } = Reject.view(pdu.header);
    const header = inOnePiece(pdu.data);
    const outstanding = header.length < 20 ? undefined : this.#outstanding.find(readU32(header, 16));
    this.#options.onReject(reason, outstanding?.kind === 'task' ? outstanding : undefined);
    if (outstanding?.kind !== 'exchange') return;
    this.#outstanding.forget(outstanding);
    outstanding.fail(rejected(reason));
  }

  #answer(pdu: Pdu): void {
    this.#sender.acknowledge(pdu);
    const exchange = this.#outstanding.exchange(readU32(pdu.header, 16));
    if (exchange === undefined) return;
    this.#outstanding.forget(exchange);
    exchange.complete(pdu);
  }
}
