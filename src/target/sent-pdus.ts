/**
 * What a connection has sent and the initiator has not acknowledged, to be sent again (RFC 7143 §7.1.4, §11.16): Data-In and R2T by
 * their task, numbered responses by their StatSN. Kept only from ErrorRecoveryLevel 1 on.
 *
 * Payload is kept as it is, uncopied. Should a WRITE change it meanwhile, then that WRITE ran beside a READ that its initiator has
 * not seen the end of, and either content is right.
 */

import { readU32, serialDistance, totalLength } from '../bytes/index.ts';
import { Opcode } from '../iscsi/opcode.ts';
import { DataIn, RejectReason, ScsiResponse } from '../iscsi/pdu.ts';
import type { Outcome } from './outcome.ts';
import type { Task } from './task.ts';

/** Bytes of payload that are kept at most, and how many responses. What is older is given up. */
const PAYLOAD_LIMIT = 16 << 20;
const RESPONSE_LIMIT = 4096;

export interface SentPdu {
  readonly header: Uint8Array;
  readonly data: readonly Uint8Array[];
}

/** A task that has been answered, as long as the initiator has not said that it knows. */
export interface Answered {
  readonly task: Task;
  readonly outcome: Outcome;
  readonly transferred: number;
}

interface SentForTask {
  /** By DataSN and by R2TSN: both count from 0, and no task of this target has both. */
  readonly pdus: Map<number, SentPdu>;
  bytes: number;
  /** DataSN or R2TSN of the PDU that comes next. */
  next: number;
  /** The first number that is not acknowledged. */
  acknowledged: number;
  /** Something that is not acknowledged has been given up. */
  isIncomplete: boolean;
  statSN: number | undefined;
  answered: Answered | undefined;
}

/** Byte offsets that all PDUs, or all of these, share. */
const STAT_SN = 24;
const DATA_SN = 36;

export class SentPdus {
  readonly #tasks = new Map<number, SentForTask>();
  /** Numbered responses by StatSN, oldest first. */
  readonly #responses = new Map<number, SentPdu>();
  #bytes = 0;
  #acknowledgedStatSN: number | undefined;

  /** A PDU is being sent. `isNumbered`: it took a StatSN. */
  keep(header: Uint8Array, data: readonly Uint8Array[], isNumbered: boolean): void {
    const opcode = (header[0] ?? 0) & 0x3f;
    const initiatorTaskTag = readU32(header, 16);
    const pdu = { header, data };
    if (opcode === Opcode.dataIn || opcode === Opcode.readyToTransfer) this.#keepForTask(initiatorTaskTag, pdu);
    if (!isNumbered) return;
    const statSN = readU32(header, STAT_SN);
    this.#responses.set(statSN, pdu);
    if (opcode === Opcode.dataIn || opcode === Opcode.scsiResponse) this.#task(initiatorTaskTag).statSN = statSN;
    const [oldest] = this.#responses.keys();
    if (this.#responses.size > RESPONSE_LIMIT && oldest !== undefined) this.#responses.delete(oldest);
  }

  #keepForTask(initiatorTaskTag: number, pdu: SentPdu): void {
    const sent = this.#task(initiatorTaskTag);
    const number = readU32(pdu.header, DATA_SN);
    if (sent.pdus.has(number)) return;
    sent.pdus.set(number, pdu);
    sent.next = Math.max(sent.next, number + 1);
    const bytes = totalLength(pdu.data);
    sent.bytes += bytes;
    this.#bytes += bytes;
    if (this.#bytes > PAYLOAD_LIMIT) this.#giveUpOldest();
  }

  #task(initiatorTaskTag: number): SentForTask {
    let sent = this.#tasks.get(initiatorTaskTag);
    if (sent === undefined) {
      sent = {
        pdus: new Map(),
        bytes: 0,
        next: 0,
        acknowledged: 0,
        isIncomplete: false,
        statSN: undefined,
        answered: undefined,
      };
      this.#tasks.set(initiatorTaskTag, sent);
    }
    return sent;
  }

  #giveUpOldest(): void {
    for (const sent of this.#tasks.values()) {
      for (const [number, pdu] of sent.pdus) {
        if (this.#bytes <= PAYLOAD_LIMIT) return;
        sent.isIncomplete = true;
        this.#drop(sent, number, pdu);
      }
    }
  }

  #drop(sent: SentForTask, number: number, pdu: SentPdu): void {
    const bytes = totalLength(pdu.data);
    sent.pdus.delete(number);
    sent.bytes -= bytes;
    this.#bytes -= bytes;
  }

  /** A task has its answer; it can be given again until `forget` or its acknowledgement. */
  answered(answered: Answered): void {
    this.#task(answered.task.initiatorTaskTag).answered = answered;
  }

  findAnswered(initiatorTaskTag: number): Answered | undefined {
    return this.#tasks.get(initiatorTaskTag)?.answered;
  }

  get hasAnswers(): boolean {
    for (const { answered } of this.#tasks.values()) if (answered !== undefined) return true;
    return false;
  }

  /** StatSN of the answer of a task, if it has been sent. */
  statSNOf(initiatorTaskTag: number): number | undefined {
    return this.#tasks.get(initiatorTaskTag)?.statSN;
  }

  /** The task leaves this connection, or has ended without an answer. */
  forget(initiatorTaskTag: number): void {
    const sent = this.#tasks.get(initiatorTaskTag);
    if (sent === undefined) return;
    this.#tasks.delete(initiatorTaskTag);
    this.#bytes -= sent.bytes;
    if (sent.statSN !== undefined) this.#responses.delete(sent.statSN);
  }

  /** The initiator has everything before `expStatSN` (RFC 7143 §4.2.2.2). */
  acknowledge(expStatSN: number): void {
    if (expStatSN === this.#acknowledgedStatSN) return;
    this.#acknowledgedStatSN = expStatSN;
    for (const [statSN, { header }] of this.#responses) {
      if (serialDistance(statSN, expStatSN) <= 0) return;
      this.#responses.delete(statSN);
      const initiatorTaskTag = readU32(header, 16);
      if (this.#tasks.get(initiatorTaskTag)?.statSN === statSN) this.forget(initiatorTaskTag);
    }
  }

  /** The next DataSN or R2TSN of a task; undefined where nothing has been sent, or everything has been acknowledged. */
  nextNumber(initiatorTaskTag: number): number | undefined {
    return this.#tasks.get(initiatorTaskTag)?.next;
  }

  /** DataACK: all Data-In PDUs of a task before `begRun` have come (RFC 7143 §11.16.2). */
  acknowledgeData(initiatorTaskTag: number, begRun: number): void {
    const sent = this.#task(initiatorTaskTag);
    if (begRun <= sent.acknowledged) return;
    for (const [number, pdu] of sent.pdus) if (number < begRun) this.#drop(sent, number, pdu);
    sent.acknowledged = begRun;
  }

  /** The Data-In of a task is cut anew from `dataSN` on, all before which has been acknowledged: what was cut before cannot be had again. */
  recut(initiatorTaskTag: number, dataSN: number): void {
    const sent = this.#task(initiatorTaskTag);
    for (const [number, pdu] of sent.pdus) this.#drop(sent, number, pdu);
    sent.acknowledged = dataSN;
    sent.next = dataSN;
  }

  /** A run of numbered responses, 0 and 0 for all; or why not. */
  responses(begRun: number, runLength: number): readonly SentPdu[] | number {
    if (begRun === 0 && runLength === 0) return [...this.#responses.values()];
    const run: SentPdu[] = [];
    for (const [statSN, pdu] of this.#responses) {
      const distance = serialDistance(begRun, statSN);
      if (distance >= 0 && (runLength === 0 || distance < runLength)) run.push(pdu);
    }
    return run.length === 0 || run.length < runLength ? RejectReason.protocolError : run;
  }

  /** A run of Data-In PDUs or R2Ts of a task; or why not. */
  run(initiatorTaskTag: number, begRun: number, runLength: number): readonly SentPdu[] | number {
    const sent = this.#tasks.get(initiatorTaskTag);
    if (sent === undefined) return RejectReason.protocolError;
    const isAll = begRun === 0 && runLength === 0;
    const first = isAll ? sent.acknowledged : begRun;
    const run: SentPdu[] = [];
    for (const [number, pdu] of sent.pdus) {
      if (number >= first && (runLength === 0 || number < first + runLength)) run.push(pdu);
    }
    if (run.length >= Math.max(1, runLength)) return run;
    return sent.isIncomplete && first >= sent.acknowledged ? RejectReason.snackReject : RejectReason.protocolError;
  }

  /**
   * The payload of a task from `dataSN` on, or from what is not acknowledged when that is 0 or out of range (RFC 7143 §11.5.6).
   * Undefined when some of it has been given up.
   */
  payload(
    initiatorTaskTag: number,
    dataSN: number,
  ): { readonly first: SentPdu | undefined; readonly data: Uint8Array[] } | undefined {
    const sent = this.#tasks.get(initiatorTaskTag);
    if (sent === undefined) return { first: undefined, data: [] };
    if (sent.isIncomplete) return undefined;
    const isInRange = dataSN >= sent.acknowledged && dataSN <= sent.acknowledged + sent.pdus.size;
    const from = isInRange && dataSN > 0 ? dataSN : sent.acknowledged;
    const pdus = [...sent.pdus.values()].filter(
      ({ header }) => (header[0] ?? 0) % 64 === Opcode.dataIn && DataIn.view(header).dataSN >= from,
    );
    return { first: pdus[0], data: pdus.flatMap(({ data }) => data) };
  }
}

/** A header to be sent again, with what must be current (RFC 7143 §11.16). `statSN`: for R2Ts, which carry the next one. */
export function renewedHeader(
  { header }: SentPdu,
  into: Uint8Array,
  window: { readonly expCmdSN: number; readonly maxCmdSN: number },
  statSN: number,
): Uint8Array {
  into.set(header);
  const view = ScsiResponse.edit(into);
  view.expCmdSN = window.expCmdSN;
  view.maxCmdSN = window.maxCmdSN;
  if (view.opcode === Opcode.readyToTransfer) view.statSN = statSN;
  return into;
}
