/** The small answers of the full feature phase: NOP-In, Reject, Logout Response, Text Response, Asynchronous Message. */

import { Opcode, RESERVED_TAG } from '../iscsi/opcode.ts';
import {
  AsyncMessage,
  LogoutResponse,
  NopIn,
  type NopOut,
  Reject,
  TaskManagementResponse,
  TextResponse,
} from '../iscsi/pdu.ts';
import type { Pdu } from '../iscsi/pdu-reader.ts';
import type { CommandWindow } from './command-window.ts';
import type { PduSender } from './pdu-sender.ts';
import type { TextAnswer } from './text-exchange.ts';

export interface AsyncValues {
  /** Eight bytes. */
  readonly lun?: Uint8Array;
  readonly parameter1?: number;
  readonly parameter2?: number;
  readonly parameter3?: number;
}

/** Every initiator takes data segments of this length (RFC 7143 §13.12). */
const LEAST_SEGMENT_LENGTH = 512;

type Window = Pick<CommandWindow<unknown>, 'expCmdSN' | 'maxCmdSN'>;

export class Responses {
  readonly #sender: PduSender;
  readonly #window: Window;
  readonly #pingLun: Uint8Array;

  /** `pingLun`: of a unit that exists; a NOP-In that asks for an answer names one (RFC 7143 §11.19.3). */
  constructor(sender: PduSender, window: Window, pingLun = new Uint8Array(8)) {
    this.#sender = sender;
    this.#window = window;
    this.#pingLun = pingLun;
  }

  /** What all responses carry: they are numbered, and tell the window. */
  #numbering(): { statSN: number; expCmdSN: number; maxCmdSN: number } {
    return {
      statSN: this.#sender.takeStatSN(),
      expCmdSN: this.#window.expCmdSN,
      maxCmdSN: this.#window.maxCmdSN,
    };
  }

  /** Answers a ping with its own data (RFC 7143 §11.19). */
  nopIn(request: NopOut, data: readonly Uint8Array[]): void {
    const header = this.#sender.newHeader();
    NopIn.write(header, 0, {
      opcode: Opcode.nopIn,
      final: true,
      initiatorTaskTag: request.initiatorTaskTag,
      targetTransferTag: RESERVED_TAG,
      ...this.#numbering(),
    });
    this.#sender.send(header, data);
  }

  /** Asks the initiator for a sign of life, unless the tag is the reserved one. StatSN is the next one and does not advance (RFC 7143 §11.19.2). */
  ping(targetTransferTag: number): void {
    const header = this.#sender.newHeader();
    NopIn.write(header, 0, {
      opcode: Opcode.nopIn,
      final: true,
      ...(targetTransferTag === RESERVED_TAG ? {} : { lun: this.#pingLun }),
      initiatorTaskTag: RESERVED_TAG,
      targetTransferTag,
      statSN: this.#sender.statSN,
      expCmdSN: this.#window.expCmdSN,
      maxCmdSN: this.#window.maxCmdSN,
    });
    this.#sender.send(header);
  }

  /**
   * `rejected` is the PDU that is refused; `reason` a value of RejectReason. `dataSN`: where that is a SNACK for data, the number that
   * comes next (RFC 7143 §11.17.2).
   */
  reject(reason: number, rejected: Pick<Pdu, 'header' | 'ahs'>, dataSN = 0): void {
    const header = this.#sender.newHeader();
    Reject.write(header, 0, {
      opcode: Opcode.reject,
      final: true,
      reason,
      initiatorTaskTag: RESERVED_TAG,
      dataSN,
      ...this.#numbering(),
    });
    const isWhole = rejected.ahs.length > 0 && rejected.header.length + rejected.ahs.length <= LEAST_SEGMENT_LENGTH;
    this.#sender.send(header, isWhole ? [rejected.header, rejected.ahs] : [rejected.header]);
  }

  /** Tells the window where nothing else is due that would (RFC 7143 §11.4.11): asks for nothing, and takes no StatSN. */
  windowUpdate(): void {
    this.ping(RESERVED_TAG);
  }

  /** Times are seconds. */
  logout(initiatorTaskTag: number, response: number, time2Wait: number, time2Retain: number): void {
    const header = this.#sender.newHeader();
    LogoutResponse.write(header, 0, {
      opcode: Opcode.logoutResponse,
      final: true,
      response,
      initiatorTaskTag,
      time2Wait,
      time2Retain,
      ...this.#numbering(),
    });
    this.#sender.send(header);
  }

  /** `additionalResponseInformation` is SAM-5's, of 24 bits. */
  taskManagement(initiatorTaskTag: number, response: number, additionalResponseInformation = 0): void {
    const header = this.#sender.newHeader();
    TaskManagementResponse.write(header, 0, {
      opcode: Opcode.taskManagementResponse,
      final: true,
      response,
      additionalResponseInformation,
      initiatorTaskTag,
      ...this.#numbering(),
    });
    this.#sender.send(header);
  }

  text(initiatorTaskTag: number, lun: Uint8Array, answer: TextAnswer): void {
    const header = this.#sender.newHeader();
    const isLast = answer.targetTransferTag === RESERVED_TAG;
    TextResponse.write(header, 0, {
      opcode: Opcode.textResponse,
      final: isLast,
      continue: answer.continue,
      initiatorTaskTag,
      targetTransferTag: answer.targetTransferTag,
      ...(isLast ? {} : { lun }),
      ...this.#numbering(),
    });
    this.#sender.send(header, answer.data.length > 0 ? [answer.data] : []);
  }

  /** `event` is a value of AsyncEvent; the parameters and the LUN mean what RFC 7143 §11.9.1 says for it. */
  asyncMessage(event: number, values: AsyncValues = {}): void {
    const header = this.#sender.newHeader();
    AsyncMessage.write(header, 0, {
      opcode: Opcode.asyncMessage,
      final: true,
      initiatorTaskTag: RESERVED_TAG,
      asyncEvent: event,
      ...values,
      ...this.#numbering(),
    });
    this.#sender.send(header);
  }
}
