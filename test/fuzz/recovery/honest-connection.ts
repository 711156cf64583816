/** One connection of an honest initiator: it takes what comes in good order, and asks for what does not come (RFC 7143 §7.8, §7.9). */

import { readU32 } from '../../../src/bytes/index.ts';
import { Opcode, RESERVED_TAG } from '../../../src/iscsi/opcode.ts';
import {
  BasicHeader,
  DataIn,
  NopOut,
  ReadyToTransfer,
  Reject,
  ScsiResponse,
  SnackRequest,
  SnackType,
} from '../../../src/iscsi/pdu.ts';
import type { Pdu as ReceivedPdu } from '../../../src/iscsi/pdu-reader.ts';
import type { Random } from '../../support/random.ts';
import type { ObservedConnection } from '../observed/connection.ts';
import { pong } from '../observed/pong.ts';
import type { HonestSession } from './honest-session.ts';
import type { HonestTask, Pdu } from './honest-task.ts';
import { ReceivedStatuses } from './received-statuses.ts';
import type { UnkindLine } from './unkind-line.ts';

const STAT_SN = 24;

export class HonestConnection {
  readonly wire: ObservedConnection;
  readonly #session: HonestSession;
  readonly #random: Random;
  readonly #line: UnkindLine;
  #statuses: ReceivedStatuses | undefined;
  #outbox: Pdu[] = [];
  /** Where the run of statuses begins that was asked for again last. */
  #demanded: number | undefined;
  /** It has been logged out for recovery: its tasks may be reassigned. */
  isCleanedUp = false;
  /** That has been asked for. */
  isAskedAbout = false;

  constructor(session: HonestSession, wire: ObservedConnection, line: UnkindLine, random: Random) {
    this.#session = session;
    this.wire = wire;
    this.#line = line;
    this.#random = random;
    wire.onPdu = (pdu) => this.#arrive(pdu);
  }

  get isOpen(): boolean {
    return !this.wire.closed && this.wire.phase === 'full feature';
  }

  get expStatSN(): number {
    return this.#received.expStatSN;
  }

  get #received(): ReceivedStatuses {
    this.#statuses ??= new ReceivedStatuses(this.wire.firstStatSN);
    return this.#statuses;
  }

  /** To be sent after what waits already. */
  queue(pdus: readonly Pdu[]): void {
    this.#outbox.push(...pdus);
  }

  /** Sends some of what waits; false when nothing does. */
  pump(): boolean {
    const pdus = this.#outbox.splice(0, 1 + this.#random.below(6));
    for (const { header, data } of pdus) this.send(header, data);
    return pdus.length > 0;
  }

  get isIdle(): boolean {
    return this.#outbox.length === 0;
  }

  send(header: Uint8Array, data?: Uint8Array): void {
    const { wire } = this;
    wire.send(header, data, this.#line.outwards(wire.digests, data?.length ?? 0));
  }

  /** Asks for a sign of life, whose StatSN shows what is missing: that is asked for again. */
  ping(): void {
    this.#demanded = undefined;
    this.send(
      NopOut.encode({
        opcode: Opcode.nopOut,
        immediate: true,
        final: true,
        initiatorTaskTag: this.#session.newTag(),
        targetTransferTag: RESERVED_TAG,
        cmdSN: this.#session.cmdSN,
        expStatSN: this.expStatSN,
      }),
    );
  }

  #arrive(pdu: ReceivedPdu): void {
    const fate = this.#line.inwards(this.wire.digests, pdu.dataLength);
    if (fate === 'header damaged') this.wire.close();
    else if (fate === 'whole') this.#take(pdu);
    else if (this.#session.errorRecoveryLevel === 0) this.#session.giveUp();
  }

  #take(pdu: ReceivedPdu): void {
    const { opcode, initiatorTaskTag: tag } = BasicHeader.view(pdu.header);
    this.#takeStatSN(opcode, tag, pdu.header);
    const task = this.#session.findTask(tag);
    if (opcode !== Opcode.nopIn) this.#session.progress += 1;
    if (opcode === Opcode.dataIn) this.#dataIn(pdu, task);
    else if (opcode === Opcode.readyToTransfer) this.#readyToTransfer(pdu.header, task);
    else if (opcode === Opcode.scsiResponse) this.#scsiResponse(pdu, task);
    else if (opcode === Opcode.reject) this.#reject(pdu);
    else if (opcode === Opcode.nopIn) this.#nopIn(pdu.header);
    else this.#session.answered(tag, pdu.header[2] ?? 0);
  }

  #nopIn(header: Uint8Array): void {
    const answer = pong(header, this.#session.cmdSN, this.expStatSN);
    if (answer !== undefined) this.send(answer);
  }

  #takeStatSN(opcode: number, tag: number, header: Uint8Array): void {
    if (opcode === Opcode.dataIn && !DataIn.view(header).hasStatus) return;
    const statSN = readU32(header, STAT_SN);
    const announces = opcode === Opcode.readyToTransfer || (opcode === Opcode.nopIn && tag === RESERVED_TAG);
    if (!announces) this.#received.take(statSN);
    const missing = this.#received.missingBefore(statSN);
    if (missing === undefined) return;
    if (this.#session.errorRecoveryLevel === 0) this.#session.giveUp();
    else if (this.#demanded !== missing.begRun) this.#snack(SnackType.status, missing);
    this.#demanded = missing.begRun;
  }

  #snack(
    type: number,
    values: {
      begRun: number;
      runLength: number;
      initiatorTaskTag?: number;
      targetTransferTag?: number;
      lun?: Uint8Array;
    },
  ): void {
    const tags = { initiatorTaskTag: RESERVED_TAG, targetTransferTag: RESERVED_TAG };
    const header = { opcode: Opcode.snackRequest, final: true, type, expStatSN: this.expStatSN };
    this.send(SnackRequest.encode({ ...header, ...tags, ...values }));
  }

  #dataIn(pdu: ReceivedPdu, task: HonestTask | undefined): void {
    // Something that came again although it had come.
    if (task === undefined || task.connection !== this || task.isComplete) return;
    const header = DataIn.view(pdu.header);
    task.dataIn(header.dataSN, header.bufferOffset, pdu.data);
    // What comes again has been acknowledged.
    if (header.acknowledge && header.dataSN >= task.acknowledged)
      task.wantsDataAck = { dataSN: header.dataSN, tag: header.targetTransferTag, lun: header.lun };
    // Behind an R-Data SNACK the status comes by itself, with its tag.
    if (header.hasStatus && task.snackTag !== 0) this.#hold(task, header.statSN);
    else if (header.hasStatus) task.answered(header.status, header.dataSN + 1, header.statSN);
    this.#advance(task);
  }

  #scsiResponse(pdu: ReceivedPdu, task: HonestTask | undefined): void {
    const header = ScsiResponse.view(pdu.header);
    if (task === undefined || task.connection !== this || task.isComplete) return;
    if (header.snackTag !== task.snackTag) {
      this.#hold(task, header.statSN);
      return;
    }
    task.awaitsResegmented = false;
    task.answered(header.status, header.expDataSN, header.statSN);
    task.sense = Buffer.concat(pdu.data).subarray(2);
    this.#advance(task);
  }

  /** A status that was sent before the R-Data SNACK came: the same StatSN comes again. */
  #hold(task: HonestTask, statSN: number): void {
    task.statSN = statSN;
    this.#received.hold(statSN);
  }

  /** Acknowledges data, asks for what is missing, or is done with the task. */
  #advance(task: HonestTask): void {
    const { wantsDataAck, statSN } = task;
    if (task.isComplete) {
      if (statSN !== undefined) this.#received.release(statSN);
      this.#session.done(task);
      return;
    }
    if (statSN !== undefined) this.#received.hold(statSN);
    if (task.awaitsResegmented) return;
    if (wantsDataAck !== undefined && task.expDataSN > wantsDataAck.dataSN) {
      task.wantsDataAck = undefined;
      task.acknowledged = task.expDataSN;
      const { tag: targetTransferTag, lun } = wantsDataAck;
      this.#snack(SnackType.dataAck, { begRun: task.expDataSN, runLength: 0, targetTransferTag, lun });
    }
    this.demandData(task);
  }

  /** Asks for Data-In that is missing: for the run, or seldom for everything anew. */
  demandData(task: HonestTask): void {
    const { missing } = task;
    if (missing === undefined || missing.begRun === task.demanded) return;
    if (this.#session.errorRecoveryLevel === 0) {
      this.#session.giveUp();
      return;
    }
    task.demanded = missing.begRun;
    if (this.#random.below(4) > 0) {
      this.#snack(SnackType.dataOrR2T, { ...missing, initiatorTaskTag: task.tag });
      return;
    }
    this.#demandAnew(task);
  }

  /** An R-Data SNACK (RFC 7143 §11.16.3). */
  #demandAnew(task: HonestTask): void {
    task.awaitsResegmented = true;
    task.snackTag = 1 + this.#random.below(1000);
    task.rewind(task.acknowledged);
    const tags = { initiatorTaskTag: task.tag, targetTransferTag: task.snackTag };
    this.#snack(SnackType.rData, { begRun: 0, runLength: 0, ...tags });
  }

  /** Nothing more has come of a task for long: asks for everything of it that may have got lost. */
  demandAgain(task: HonestTask): void {
    task.demanded = undefined;
    if (task.awaitsResegmented) this.#demandAnew(task);
    else this.demandData(task);
  }

  #readyToTransfer(header: Uint8Array, task: HonestTask | undefined): void {
    if (task === undefined || task.connection !== this) return;
    const { r2tSN, targetTransferTag, bufferOffset, desiredDataTransferLength } = ReadyToTransfer.view(header);
    task.expDataSN = r2tSN + 1;
    const end = bufferOffset + desiredDataTransferLength;
    this.queue(task.sequence(targetTransferTag, bufferOffset, end, this.expStatSN));
  }

  #reject(pdu: ReceivedPdu): void {
    const { reason } = Reject.view(pdu.header);
    const rejected = BasicHeader.view(Buffer.concat(pdu.data).subarray(0, 48));
    this.#session.rejected(reason, rejected.opcode, rejected.initiatorTaskTag);
  }
}
