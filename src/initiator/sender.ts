/** What a session sends: each PDU with the numbers that the session has come to (RFC 7143 §4.2.2). */

import { ProtocolError, readU32, serialAdd, serialLess } from '../bytes/index.ts';
import { encodeExtendedCdb } from '../iscsi/additional-header.ts';
import { Opcode, RESERVED_TAG } from '../iscsi/opcode.ts';
import type { Parameters } from '../iscsi/parameters.ts';
import { BASIC_HEADER_LENGTH, ScsiCommand, TaskAttribute, TextRequest } from '../iscsi/pdu.ts';
import type { Pdu } from '../iscsi/pdu-reader.ts';
import { CDB_LENGTH } from '../scsi/cdb.ts';
import { CommandWindow } from './command-window.ts';
import type { Connection } from './connection.ts';
import { firstBurst, sendDataSequence, slice } from './data-out.ts';
import { HeaderSlab } from './header-slab.ts';
import type { LoginComplete } from './login.ts';
import type { Task } from './task.ts';

const noData: readonly Uint8Array[] = [];

export class Sender {
  readonly window: CommandWindow;
  readonly #connection: Connection;
  #parameters: Parameters;
  readonly #slab = new HeaderSlab();
  readonly #send: (header: Uint8Array, data: readonly Uint8Array[]) => void;
  /** The StatSN that the target's next status will carry. */
  #expStatSN: number;

  /** `cmdSN` is that of the first command after the login. */
  constructor(connection: Connection, login: LoginComplete, cmdSN: number) {
    this.window = new CommandWindow(cmdSN, login.expCmdSN, login.maxCmdSN);
    this.#connection = connection;
    this.#parameters = login.parameters;
    this.#send = (header, data) => connection.send(header, data);
    this.#expStatSN = login.expStatSN;
  }

  /** What holds from the next PDU on. */
  adopt(parameters: Parameters): void {
    this.#parameters = parameters;
  }

  /**
   * Takes the StatSN of a PDU that carries a status; an older one changes nothing. Raises ISCSI_STATUS_ORDER when others have not come
   * before it: they cannot be asked for again at ErrorRecoveryLevel 0 (RFC 7143 §7.9).
   */
  acknowledge(pdu: Pdu): void {
    const statSN = readU32(pdu.header, 24);
    if (serialLess(this.#expStatSN, statSN)) {
      const missing = `StatSN ${this.#expStatSN} has not come, and ${statSN} has`;
      throw new ProtocolError('ISCSI_STATUS_ORDER', `the target left out an answer: ${missing}`);
    }
    if (statSN === this.#expStatSN) this.#expStatSN = serialAdd(statSN, 1);
  }

  /** Sends the command of a task that has its tag, and the data that may go with it unasked. The window must be open. */
  command(task: Task): void {
    const { request, writeLength, initiatorTaskTag } = task;
    task.cmdSN = this.window.take();
    const burst = firstBurst(writeLength, this.#parameters);
    const header = request.cdb.length > CDB_LENGTH ? headerWithLongCdb(request.cdb) : this.#slab.take();
    const pdu = ScsiCommand.edit(header);
    pdu.opcode = Opcode.scsiCommand;
    pdu.final = burst.unsolicited === 0;
    pdu.read = (request.readLength ?? 0) > 0;
    pdu.write = writeLength > 0;
    pdu.attribute = TaskAttribute.simple;
    pdu.lun = request.lun;
    pdu.initiatorTaskTag = initiatorTaskTag;
    pdu.expectedDataTransferLength = writeLength > 0 ? writeLength : (request.readLength ?? 0);
    pdu.cmdSN = task.cmdSN;
    pdu.expStatSN = this.#expStatSN;
    if (request.cdb.length <= CDB_LENGTH) pdu.cdb = request.cdb;
    this.#connection.send(header, burst.immediate === 0 ? noData : slice(request.write ?? noData, 0, burst.immediate));
    if (burst.unsolicited > 0) this.data(task, RESERVED_TAG, burst.immediate, burst.unsolicited);
  }

  /** Sends a range of a task's data; the tag is that of the R2T which asked for it. */
  data(task: Task, targetTransferTag: number, offset: number, length: number): void {
    const { lun, write = noData } = task.request;
    const sequence = { lun, initiatorTaskTag: task.initiatorTaskTag, targetTransferTag, offset, length };
    sendDataSequence(this.#send, this.#slab, write, sequence, {
      expStatSN: this.#expStatSN,
      maxSendDataSegmentLength: this.#parameters.maxSendDataSegmentLength,
    });
  }

  /** Sends an immediate request, which no window holds back; `fill` writes what is particular to it. */
  immediate(initiatorTaskTag: number, fill: (header: Uint8Array) => void, data: readonly Uint8Array[] = noData): void {
    const header = this.#slab.take();
    fill(header);
    // All requests of the initiator have these in the same places (RFC 7143 §11).
    TextRequest.write(header, 0, {
      immediate: true,
      initiatorTaskTag,
      cmdSN: this.window.cmdSN,
      expStatSN: this.#expStatSN,
    });
    this.#connection.send(header, data);
  }
}

/** A SCSI Command's basic header and, behind it, what its CDB field does not hold (RFC 7143 §11.2.2.3). */
function headerWithLongCdb(cdb: Uint8Array): Uint8Array {
  const ahs = encodeExtendedCdb(cdb);
  const header = new Uint8Array(BASIC_HEADER_LENGTH + ahs.length);
  ScsiCommand.write(header, 0, { totalAHSLength: ahs.length / 4, cdb: cdb.subarray(0, CDB_LENGTH) });
  header.set(ahs, BASIC_HEADER_LENGTH);
  return header;
}
