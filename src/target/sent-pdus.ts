/**
 * What a connection has sent and the initiator has not acknowledged, to be sent again (RFC 7143 §7.1.4, §11.16): Data-In and R2T by
 * their task, numbered responses by their StatSN. Kept only from ErrorRecoveryLevel 1 on.
 *
 * Data-In is kept as it is, uncopied unless it would keep more than itself. Should a WRITE change it meanwhile, then that WRITE ran
 * beside a READ that its initiator has not seen the end of, and either content is right.
 */

import { readU32, totalLength } from '../bytes/index.ts';
import { Opcode } from '../iscsi/opcode.ts';
import { DataIn, RejectReason, ScsiResponse } from '../iscsi/pdu.ts';
import { isShared } from '../os/short-lived-memory.ts';
import { DataAcks } from './data-acks.ts';
import { KeptPayload, KeptPdu, type SentPdu } from './kept-payload.ts';
import type { Outcome } from './outcome.ts';
import { SentResponses } from './sent-responses.ts';
import type { Task } from './task.ts';

/** Bytes of data that every response may have without being given up for it: their number is bounded as it is. */
const SMALL_RESPONSE = 256;

/** A task that has been answered, as long as the initiator has not said that it knows. */
export interface Answered {
  readonly task: Task;
  readonly outcome: Outcome;
  readonly transferred: number;
}

interface SentForTask {
  /** By DataSN and by R2TSN: both count from 0, and no task of this target has both. */
  readonly pdus: Map<number, KeptPdu>;
  /** The first number that is not acknowledged. */
  acknowledged: number;
  /** The first number that has not been sent. */
  next: number;
  /** Something that is not acknowledged has been given up. */
  isIncomplete: boolean;
  statSN: number | undefined;
  answered: Answered | undefined;
}

/** Byte offsets that all PDUs, or all of these, share. */
const INITIATOR_TASK_TAG = 16;
const STAT_SN = 24;
const DATA_SN = 36;

export class SentPdus {
  readonly #tasks = new Map<number, SentForTask>();
  readonly #responses = new SentResponses();
  readonly #payload = new KeptPayload((pdu) => this.#lose(pdu));
  readonly #dataAcks = new DataAcks();

  /** Bytes that are kept for the sake of their payload. */
  get payloadBytes(): number {
    return this.#payload.bytes;
  }

  /** A PDU is being sent. `isNumbered`: it took a StatSN. */
  keep(header: Uint8Array, data: readonly Uint8Array[], isNumbered: boolean): void {
    const opcode = (header[0] ?? 0) & 0x3f;
    const isOfTask = opcode === Opcode.dataIn || opcode === Opcode.readyToTransfer;
    if (!isOfTask && !isNumbered) return;
    // A copy: the header as it is would keep the slab of which it is a piece.
    const pdu = new KeptPdu(new Uint8Array(header), data);
    // What echoes the initiator would keep the chunk of the stream in which it came, and what was read beside others their memory.
    if (!isOfTask || data.some(isShared)) pdu.own();
    if (isOfTask) this.#keepForTask(pdu);
    if (isNumbered) this.#keepResponse(pdu, opcode === Opcode.dataIn || opcode === Opcode.scsiResponse);
    if (isOfTask || totalLength(data) > SMALL_RESPONSE) this.#payload.add(pdu);
  }

  #keepForTask(pdu: KeptPdu): void {
    const sent = this.#task(readU32(pdu.header, INITIATOR_TASK_TAG));
    const number = readU32(pdu.header, DATA_SN);
    const old = sent.pdus.get(number);
    if (old !== undefined) this.#payload.remove(old);
    sent.pdus.set(number, pdu);
    sent.next = Math.max(sent.next, number + 1);
  }

  #keepResponse(pdu: KeptPdu, isOfTask: boolean): void {
    const statSN = readU32(pdu.header, STAT_SN);
    if (isOfTask) this.#task(readU32(pdu.header, INITIATOR_TASK_TAG)).statSN = statSN;
    const old = this.#responses.get(statSN);
    if (old !== undefined) this.#payload.remove(old);
    const givenUp = this.#responses.add(statSN, pdu);
    if (givenUp !== undefined) this.#forgetResponse(givenUp);
  }

  #task(initiatorTaskTag: number): SentForTask {
    let sent = this.#tasks.get(initiatorTaskTag);
    if (sent === undefined) {
      sent = {
        pdus: new Map(),
        acknowledged: 0,
        next: 0,
        isIncomplete: false,
        statSN: undefined,
        answered: undefined,
      };
      this.#tasks.set(initiatorTaskTag, sent);
    }
    return sent;
  }

  /** Its payload has been given up for a later one's. */
  #lose(pdu: KeptPdu): void {
    const sent = this.#tasks.get(readU32(pdu.header, INITIATOR_TASK_TAG));
    const number = readU32(pdu.header, DATA_SN);
    if (sent?.pdus.get(number) !== pdu) return;
    sent.pdus.delete(number);
    sent.isIncomplete = true;
  }

  /** A response is known, or has been given up: with the answer of a task goes all that is kept for it. */
  #forgetResponse(statSN: number): void {
    const pdu = this.#responses.get(statSN);
    if (pdu === undefined) return;
    this.#responses.delete(statSN);
    this.#payload.remove(pdu);
    const initiatorTaskTag = readU32(pdu.header, INITIATOR_TASK_TAG);
    if (this.#tasks.get(initiatorTaskTag)?.statSN === statSN) this.forget(initiatorTaskTag);
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

  /** The task leaves this connection, has ended without an answer, or its answer is known. */
  forget(initiatorTaskTag: number): void {
    const sent = this.#tasks.get(initiatorTaskTag);
    if (sent === undefined) return;
    this.#tasks.delete(initiatorTaskTag);
    this.#dataAcks.forget(initiatorTaskTag);
    for (const pdu of sent.pdus.values()) this.#payload.remove(pdu);
    if (sent.statSN !== undefined) this.#responses.delete(sent.statSN);
  }

  /** The initiator has everything before `expStatSN` (RFC 7143 §4.2.2.2). */
  acknowledge(expStatSN: number): void {
    this.#responses.acknowledge(expStatSN, (statSN) => this.#forgetResponse(statSN));
  }

  /** Asks for a DataACK with the next Data-In of a task. False when too many are waited for. */
  askDataAck(initiatorTaskTag: number, targetTransferTag: number): boolean {
    return this.#dataAcks.ask(initiatorTaskTag, targetTransferTag);
  }

  /**
   * DataACK: all Data-In PDUs of a task before `begRun` have come (RFC 7143 §11.16.2). False when it was not asked for with this tag,
   * or not so many have been sent.
   */
  acknowledgeData(targetTransferTag: number, begRun: number): boolean {
    const subject = this.#dataAcks.find(targetTransferTag);
    if (subject === undefined) return false;
    const sent = subject === 'over' ? undefined : this.#tasks.get(subject.initiatorTaskTag);
    if (sent !== undefined && begRun > sent.next) return false;
    this.#dataAcks.delete(targetTransferTag);
    if (sent !== undefined) this.#acknowledgeData(sent, begRun);
    return true;
  }

  #acknowledgeData(sent: SentForTask, begRun: number): void {
    for (const [number, pdu] of sent.pdus) {
      if (number >= begRun) pdu.own();
      else if (sent.pdus.delete(number)) this.#payload.remove(pdu);
    }
    sent.acknowledged = Math.max(sent.acknowledged, begRun);
  }

  /** The Data-In of a task is cut anew from `dataSN` on, all before which has been acknowledged: what was cut before cannot be had again. */
  recut(initiatorTaskTag: number, dataSN: number): void {
    const sent = this.#task(initiatorTaskTag);
    for (const pdu of sent.pdus.values()) this.#payload.remove(pdu);
    sent.pdus.clear();
    sent.acknowledged = dataSN;
    sent.next = dataSN;
  }

  /** The next DataSN or R2TSN of a task; undefined where nothing has been sent, or everything has been acknowledged. */
  nextNumber(initiatorTaskTag: number): number | undefined {
    return this.#tasks.get(initiatorTaskTag)?.next;
  }

  /** A run of numbered responses, 0 and 0 for all; or why not. */
  responses(begRun: number, runLength: number): readonly SentPdu[] | number {
    return this.#responses.run(begRun, runLength);
  }

  /** A run of Data-In PDUs or R2Ts of a task; or why not. */
  run(initiatorTaskTag: number, begRun: number, runLength: number): readonly SentPdu[] | number {
    const sent = this.#tasks.get(initiatorTaskTag);
    if (sent === undefined) return RejectReason.protocolError;
    const isAll = begRun === 0 && runLength === 0;
    const first = isAll ? sent.acknowledged : begRun;
    const run: SentPdu[] = [];
    for (const [number, { header, data }] of sent.pdus) {
      const isInRun = number >= first && (runLength === 0 || number < first + runLength);
      if (isInRun && data !== undefined) run.push({ header, data });
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
  ): { readonly first: Uint8Array | undefined; readonly data: readonly Uint8Array[] } | undefined {
    const sent = this.#tasks.get(initiatorTaskTag);
    if (sent === undefined) return { first: undefined, data: [] };
    if (sent.isIncomplete) return undefined;
    const isInRange = dataSN >= sent.acknowledged && dataSN <= sent.acknowledged + sent.pdus.size;
    const from = isInRange && dataSN > 0 ? dataSN : sent.acknowledged;
    const pdus = [...sent.pdus.values()].filter(
      ({ header }) => (header[0] ?? 0) % 64 === Opcode.dataIn && DataIn.view(header).dataSN >= from,
    );
    return { first: pdus[0]?.header, data: pdus.flatMap(({ data = [] }) => data) };
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
