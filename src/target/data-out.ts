/**
 * The Data-Out side of one WRITE: which data is expected next, and what to ask for (RFC 7143 §4.2.5.2, §11.7, §11.8). No I/O:
 * Data-Out PDUs go in, R2Ts to send come out.
 *
 * Data comes in three ways, in this order: immediate, in the command PDU itself; unsolicited, in Data-Out PDUs that nobody asked
 * for, up to FirstBurstLength; solicited, one sequence per R2T. This target negotiates DataPDUInOrder=Yes and
 * DataSequenceInOrder=Yes, so every PDU must start where the one before ended.
 *
 * From ErrorRecoveryLevel 1 on, data that was damaged or lost leaves a gap: what comes behind it is thrown away until nothing more
 * is due, and then asked for again by a recovery R2T (§7.8, §7.9).
 */

import { RESERVED_TAG } from '../iscsi/opcode.ts';
import type { Parameters } from '../iscsi/parameters.ts';
import type { DataOut } from '../iscsi/pdu.ts';
import { AdditionalSense, SenseKey } from '../scsi/index.ts';
import { takeBytes } from './buffers.ts';
import { checkCondition, type Outcome } from './outcome.ts';

type TransferParameters = Pick<
  Parameters,
  'initialR2T' | 'immediateData' | 'firstBurstLength' | 'maxBurstLength' | 'maxOutstandingR2T' | 'errorRecoveryLevel'
>;

/** One R2T to send. */
export interface Solicitation {
  readonly targetTransferTag: number;
  readonly r2tSN: number;
  readonly bufferOffset: number;
  readonly desiredDataTransferLength: number;
}

/** A run of Data-Out PDUs that ends with the F bit. */
interface Sequence {
  readonly targetTransferTag: number;
  /** Where it must end; an unsolicited one may end earlier. */
  readonly end: number;
  nextDataSN: number;
}

/** A piece that is shorter is copied behind the one before: as it is, it would keep the whole chunk of the stream in which it came. */
const SMALL_PIECE = 2048;

/** Where small pieces are gathered: so long at most. */
const GATHERING_LENGTH = 8192;

/** Gaps of one transfer that are asked for again. A path that damages more than that will not carry the rest either. */
const MAXIMUM_RECOVERIES = 16;

const UNEXPECTED_UNSOLICITED_DATA = checkCondition(SenseKey.abortedCommand, AdditionalSense.unexpectedUnsolicitedData);
const INCORRECT_AMOUNT_OF_DATA = checkCondition(SenseKey.abortedCommand, AdditionalSense.notEnoughUnsolicitedData);
const PROTOCOL_SERVICE_CRC_ERROR = checkCondition(SenseKey.abortedCommand, AdditionalSense.protocolServiceCrcError);

export class DataOutTransfer {
  readonly #parameters: TransferParameters;
  /** EDTL: where the initiator's data ends. */
  readonly #offered: number;
  /** The part of it that the command wants: R2Ts ask for no more. */
  readonly #wanted: number;
  readonly #parts: Uint8Array[] = [];
  /** The last part, when it gathers small pieces: the buffer behind it, and how much of it is used. */
  #gathering: { readonly buffer: Uint8Array; used: number } | undefined;
  /** How far the data has come without a gap. */
  #received = 0;
  /** Where the next R2T starts. */
  #solicited = 0;
  #unsolicited: Sequence | undefined;
  /** Sequences that have been asked for and have not ended, in the order of their R2Ts. */
  readonly #outstanding: Sequence[] = [];
  #r2tSN = 0;
  #hasGap = false;
  #recoveries = 0;
  #failure: Outcome | undefined;

  /**
   * `immediate` is the command PDU's data segment; `final` its F bit: no unsolicited Data-Out follows.
   */
  constructor(
    parameters: TransferParameters,
    offered: number,
    wanted: number,
    immediate: readonly Uint8Array[],
    immediateLength: number,
    final: boolean,
  ) {
    this.#parameters = parameters;
    this.#offered = offered;
    this.#wanted = Math.min(offered, wanted);
    const firstBurst = Math.min(parameters.firstBurstLength, offered);
    if (immediateLength > 0 && (!parameters.immediateData || immediateLength > firstBurst)) {
      this.#failure = UNEXPECTED_UNSOLICITED_DATA;
    } else {
      this.#append(immediate);
    }
    if (!final) {
      if (parameters.initialR2T) this.#failure ??= UNEXPECTED_UNSOLICITED_DATA;
      this.#unsolicited = { targetTransferTag: RESERVED_TAG, end: firstBurst, nextDataSN: 0 };
    }
    this.#solicited = this.#received;
  }

  /** Why the command must fail: known at once, reported when no more data is due (RFC 7143 §11.4.2). */
  get failure(): Outcome | undefined {
    return this.#failure;
  }

  /** Data that has been announced or asked for is still to come. */
  get expectsData(): boolean {
    return this.#unsolicited !== undefined || this.#outstanding.length > 0;
  }

  /** Data that an R2T has asked for is still to come. */
  get awaitsSolicited(): boolean {
    return this.#outstanding.length > 0;
  }

  /** All data is there, or has been given up and nothing of it is under way. */
  get isComplete(): boolean {
    return !this.expectsData && (this.#failure !== undefined || this.#received >= this.#wanted);
  }

  /** Bytes that no R2T has asked for yet. */
  get unrequested(): number {
    return this.#failure === undefined ? Math.max(0, this.#wanted - this.#solicited) : 0;
  }

  /** What the command wants of the data that came. */
  get data(): readonly Uint8Array[] {
    return this.#received > this.#wanted ? takeBytes(this.#parts, this.#wanted) : this.#parts;
  }

  get length(): number {
    return Math.min(this.#received, this.#wanted);
  }

  /** The command will not run: R2Ts are no longer sent, and what is under way is taken and thrown away. */
  refuse(outcome: Outcome): void {
    this.#failure ??= outcome;
    this.#parts.length = 0;
    this.#gathering = undefined;
  }

  /**
   * The next R2T, or undefined when the allowed number is outstanding, all is asked for, or unsolicited data must come first.
   * `nextTag` gives an unused Target Transfer Tag.
   */
  solicit(nextTag: () => number): Solicitation | undefined {
    if (this.#failure !== undefined || this.#unsolicited !== undefined || this.#hasGap) return undefined;
    if (this.#solicited >= this.#wanted || this.#outstanding.length >= this.#parameters.maxOutstandingR2T) {
      return undefined;
    }
    const bufferOffset = this.#solicited;
    const desiredDataTransferLength = Math.min(this.#parameters.maxBurstLength, this.#wanted - bufferOffset);
    const targetTransferTag = nextTag();
    this.#solicited += desiredDataTransferLength;
    this.#outstanding.push({ targetTransferTag, end: this.#solicited, nextDataSN: 0 });
    const r2tSN = this.#r2tSN;
    this.#r2tSN += 1;
    return { targetTransferTag, r2tSN, bufferOffset, desiredDataTransferLength };
  }

  /** Takes one Data-Out PDU. False when it belongs to no sequence of this transfer: the PDU itself is wrong, not the data. */
  receive(header: DataOut, data: readonly Uint8Array[], dataLength: number, dataDigestOk: boolean): boolean {
    const isUnsolicited = header.targetTransferTag === RESERVED_TAG;
    const sequence = isUnsolicited ? this.#unsolicited : this.#outstanding[0];
    if (sequence === undefined || sequence.targetTransferTag !== header.targetTransferTag) return false;
    if (this.#failure === undefined) this.#take(sequence, header, data, dataLength, dataDigestOk);
    if (header.final) this.#endSequence(sequence, isUnsolicited);
    return true;
  }

  #take(
    sequence: Sequence,
    header: DataOut,
    data: readonly Uint8Array[],
    dataLength: number,
    dataDigestOk: boolean,
  ): void {
    if (this.#hasGap) return;
    if (!dataDigestOk || header.dataSN !== sequence.nextDataSN || header.bufferOffset !== this.#received) {
      this.#lose();
    } else if (this.#received + dataLength > sequence.end) {
      this.refuse(INCORRECT_AMOUNT_OF_DATA);
    } else {
      sequence.nextDataSN += 1;
      this.#append(data);
    }
  }

  /** Without recovery within a command, data that was lost or damaged ends the task (RFC 7143 §7.8, §7.9). */
  #lose(): void {
    this.#recoveries += 1;
    if (this.#parameters.errorRecoveryLevel === 0 || this.#recoveries > MAXIMUM_RECOVERIES) {
      this.refuse(PROTOCOL_SERVICE_CRC_ERROR);
    } else {
      this.#hasGap = true;
    }
  }

  /**
   * Its connection is gone and another takes its place: what was under way is asked for again (RFC 7143 §7.2.2). `expR2TSN`: the
   * first R2T that the initiator has not got.
   */
  restart(expR2TSN: number): void {
    this.#unsolicited = undefined;
    this.#outstanding.length = 0;
    this.#hasGap = false;
    this.#solicited = this.#received;
    if (expR2TSN <= this.#r2tSN) this.#r2tSN = expR2TSN;
  }

  #endSequence(sequence: Sequence, isUnsolicited: boolean): void {
    const isShort = this.#received < sequence.end && !this.#hasGap;
    if (isUnsolicited) {
      this.#unsolicited = undefined;
      this.#solicited = this.#received;
      // All of FirstBurstLength must come when there is more than that to send (RFC 7143 §11.4.7.2).
      if (isShort && this.#offered > this.#parameters.firstBurstLength) this.#failure ??= INCORRECT_AMOUNT_OF_DATA;
    } else {
      this.#outstanding.shift();
      if (isShort) this.#failure ??= INCORRECT_AMOUNT_OF_DATA;
    }
    if (!this.#hasGap || this.expectsData) return;
    this.#hasGap = false;
    this.#solicited = this.#received;
  }

  #append(data: readonly Uint8Array[]): void {
    for (const part of data) {
      if (part.length < SMALL_PIECE) this.#gather(part);
      else {
        this.#parts.push(part);
        this.#gathering = undefined;
      }
      this.#received += part.length;
    }
  }

  /** Copies a small piece to the end of the last part, or starts a new one with it. */
  #gather(piece: Uint8Array): void {
    const last = this.#gathering;
    if (last === undefined || last.used + piece.length > last.buffer.length) {
      const expected = Math.min(GATHERING_LENGTH, this.#offered - this.#received);
      const buffer = new Uint8Array(Math.max(expected, piece.length));
      buffer.set(piece);
      this.#gathering = { buffer, used: piece.length };
      this.#parts.push(buffer.subarray(0, piece.length));
      return;
    }
    last.buffer.set(piece, last.used);
    last.used += piece.length;
    this.#parts[this.#parts.length - 1] = last.buffer.subarray(0, last.used);
  }
}
