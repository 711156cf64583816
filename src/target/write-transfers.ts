/** The data of a session's WRITEs on its way: R2Ts go out as there is room for what they ask for, Data-Out PDUs come in. */

import { readU32 } from '../bytes/index.ts';
import { Opcode, RESERVED_TAG } from '../iscsi/opcode.ts';
import { DataOut, ReadyToTransfer, RejectReason } from '../iscsi/pdu.ts';
import type { Pdu } from '../iscsi/pdu-reader.ts';
import type { CommandWindow } from './command-window.ts';
import type { DataOutTransfer } from './data-out.ts';
import type { SessionConnection } from './session-connection.ts';
import type { Task } from './task.ts';
import { TransferRoom } from './transfer-room.ts';

/** Byte offset of the LUN in every PDU that has one. */
const LUN = 8;

/** Bytes of solicited Data-Out that may be on their way or in memory at a time. */
const WRITE_ROOM = 16 << 20;

export interface WriteTransfersOptions {
  readonly window: Pick<CommandWindow<unknown>, 'expCmdSN' | 'maxCmdSN'>;
  /** A Target Transfer Tag that nothing of the session uses. */
  readonly newTag: () => number;
  /** The data of a task is there, or will not come: its transfer says which. */
  readonly onEnded: (task: Task) => void;
}

export class WriteTransfers {
  readonly #options: WriteTransfersOptions;
  readonly #room = new TransferRoom(WRITE_ROOM, (task) => this.#solicit(task));

  constructor(options: WriteTransfersOptions) {
    this.#options = options;
  }

  /** Goes on when a sequence has ended, or none has begun: the transfer is over, or asks for more data. */
  advance(task: Task, transfer: DataOutTransfer): void {
    if (transfer.isComplete) this.#options.onEnded(task);
    else if (this.#room.holds(task)) this.#solicit(task);
    else if (!transfer.expectsData) this.#room.enter(task, transfer.unrequested);
  }

  /** Takes a Data-Out for a task of the session that has not been aborted. */
  receive(pdu: Pdu, task: Task, connection: SessionConnection): void {
    const header = DataOut.view(pdu.header);
    const { transfer } = task;
    const { responses } = connection;
    // Data follows its command on the same connection (RFC 7143 §4.2.2.1).
    if (task.connection !== connection) {
      responses.reject(RejectReason.protocolError, pdu);
      return;
    }
    const isUnsolicited = header.targetTransferTag === RESERVED_TAG;
    const isConsistent = isUnsolicited || hasLun(pdu.header, task.lun);
    if (!isConsistent || transfer?.receive(header, pdu.data, pdu.dataLength, pdu.dataDigestOk) !== true) {
      // It may follow a retry of a command that had come: that was ignored, and so is its data (RFC 7143 §7.2.1).
      if (isUnsolicited && connection.parameters.errorRecoveryLevel > 0) return;
      responses.reject(RejectReason.invalidPduField, pdu);
      return;
    }
    if (!pdu.dataDigestOk) responses.reject(RejectReason.dataDigestError, pdu);
    if (transfer.failure !== undefined) {
      if (!transfer.expectsData) this.#options.onEnded(task);
    } else if (header.final && task.state === 'transferring') {
      this.advance(task, transfer);
    }
  }

  /** The task has another connection: what was under way is asked for again there. `expR2TSN`: the first R2T that did not arrive. */
  restart(task: Task, transfer: DataOutTransfer, expR2TSN: number): void {
    transfer.restart(expR2TSN);
    if (task.state === 'transferring' || transfer.failure !== undefined) this.advance(task, transfer);
  }

  /** A task is over, whether it had data or not. */
  leave(task: Task): void {
    this.#room.leave(task);
  }

  /** Sends the R2Ts that are due. */
  #solicit(task: Task): void {
    const { transfer } = task;
    if (transfer === undefined || task.aborted) return;
    const { window, newTag } = this.#options;
    for (;;) {
      const solicitation = transfer.solicit(newTag);
      if (solicitation === undefined) return;
      const { sender } = task.connection;
      const header = sender.newHeader();
      ReadyToTransfer.write(header, 0, {
        opcode: Opcode.readyToTransfer,
        final: true,
        lun: task.lun,
        initiatorTaskTag: task.initiatorTaskTag,
        statSN: sender.statSN,
        expCmdSN: window.expCmdSN,
        maxCmdSN: window.maxCmdSN,
        ...solicitation,
      });
      sender.send(header);
    }
  }
}

/** A LUN goes with a Target Transfer Tag, and is that of the command (RFC 7143 §4.2.5.3, §11.7.4). */
function hasLun(header: Uint8Array, lun: Uint8Array): boolean {
  return readU32(header, LUN) === readU32(lun, 0) && readU32(header, LUN + 4) === readU32(lun, 4);
}
