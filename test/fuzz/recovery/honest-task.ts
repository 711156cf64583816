/** A READ or a WRITE as its initiator keeps it: what has come of it, what is missing, and its PDUs. */

import { Opcode, RESERVED_TAG } from '../../../src/iscsi/opcode.ts';
import { DataOut, ScsiCommand } from '../../../src/iscsi/pdu.ts';
import { encodeLun, Transfer10Cdb } from '../../../src/scsi/index.ts';
import type { HonestConnection } from './honest-connection.ts';

export const BLOCK = 512;

/** What the command is about: its own blocks, for as long as it goes on. */
export interface Work {
  readonly lba: number;
  readonly blocks: number;
  /** Undefined for a READ. */
  readonly data: Uint8Array | undefined;
  /** It was begun before, and nobody knows how far it came. */
  readonly again?: boolean;
}

export interface MissingRun {
  readonly begRun: number;
  readonly runLength: number;
}

/** How WRITEs carry their data at first. */
export interface FirstData {
  readonly immediate: boolean;
  readonly unsolicited: boolean;
  readonly firstBurstLength: number;
  /** Bytes of a data segment. */
  readonly segment: number;
}

export interface Pdu {
  readonly header: Uint8Array;
  readonly data: Uint8Array;
}

const nothing = new Uint8Array(0);

export class HonestTask {
  readonly work: Work;
  readonly tag: number;
  readonly cmdSN: number;
  readonly attribute: number;
  /** Its allegiance. */
  connection: HonestConnection;
  readonly #first: FirstData;
  readonly #result: Buffer;
  #have = new Set<number>();
  /** All before it has come: what is expected next, of Data-In or of R2Ts. */
  expDataSN = 0;
  /** Data-In PDUs that were acknowledged by DataACK. */
  acknowledged = 0;
  /** How many Data-In PDUs there are, once the status has told. */
  #total: number | undefined;
  /** The answer must carry it: of the last R-Data SNACK. */
  snackTag = 0;
  /** An R-Data SNACK is under way: what comes may have been sent before it came. */
  awaitsResegmented = false;
  /** Where its status is in the order of them, as long as that is not to be acknowledged. */
  statSN: number | undefined;
  status: number | undefined;
  sense: Uint8Array = nothing;
  /** A DataACK is asked for, and waits until nothing is missing (RFC 7143 §11.16.2). */
  wantsDataAck: { readonly dataSN: number; readonly tag: number; readonly lun: Uint8Array } | undefined;
  /** Where the run begins that was asked for again last. */
  demanded: number | undefined;

  constructor(
    work: Work,
    tag: number,
    cmdSN: number,
    attribute: number,
    connection: HonestConnection,
    first: FirstData,
  ) {
    this.work = work;
    this.tag = tag;
    this.cmdSN = cmdSN;
    this.attribute = attribute;
    this.connection = connection;
    this.#first = first;
    this.#result = Buffer.alloc(this.length);
  }

  get length(): number {
    return this.work.blocks * BLOCK;
  }

  /** What a READ has read. */
  get result(): Buffer {
    return this.#result;
  }

  /** The command, and the Data-Out that nobody asks for. */
  opening(expStatSN: number): readonly Pdu[] {
    const { lba, blocks, data } = this.work;
    const { immediate, unsolicited, firstBurstLength, segment } = this.#first;
    const burst = data === undefined ? 0 : Math.min(firstBurstLength, data.length);
    const inCommand = immediate ? Math.min(burst, segment) : 0;
    const hasMore = unsolicited && inCommand < burst;
    const header = ScsiCommand.encode({
      opcode: Opcode.scsiCommand,
      final: !hasMore,
      read: data === undefined,
      write: data !== undefined,
      attribute: this.attribute,
      lun: encodeLun(0),
      initiatorTaskTag: this.tag,
      expectedDataTransferLength: this.length,
      cmdSN: this.cmdSN,
      expStatSN,
      cdb: Transfer10Cdb.encode({
        operationCode: data === undefined ? 0x28 : 0x2a,
        logicalBlockAddress: lba,
        transferLength: blocks,
      }),
    });
    const command = { header, data: data?.subarray(0, inCommand) ?? nothing };
    return hasMore ? [command, ...this.sequence(RESERVED_TAG, inCommand, burst, expStatSN)] : [command];
  }

  /** Data-Out PDUs from `start` up to `end`. */
  sequence(targetTransferTag: number, start: number, end: number, expStatSN: number): Pdu[] {
    const { segment } = this.#first;
    const pdus: Pdu[] = [];
    for (let at = start; at < end; at += segment) {
      const stop = Math.min(end, at + segment);
      const header = DataOut.encode({
        opcode: Opcode.dataOut,
        final: stop === end,
        initiatorTaskTag: this.tag,
        targetTransferTag,
        expStatSN,
        dataSN: pdus.length,
        bufferOffset: at,
      });
      pdus.push({ header, data: this.work.data?.subarray(at, stop) ?? nothing });
    }
    return pdus;
  }

  dataIn(dataSN: number, bufferOffset: number, data: readonly Uint8Array[]): void {
    let at = bufferOffset;
    for (const part of data) {
      this.#result.set(part, at);
      at += part.length;
    }
    this.#have.add(dataSN);
    while (this.#have.has(this.expDataSN)) this.expDataSN += 1;
  }

  /** The status has come, and says how many Data-In PDUs there were. */
  answered(status: number, total: number, statSN: number): void {
    this.status = status;
    this.#total = total;
    this.statSN = statSN;
  }

  /** Everything of it has come. */
  get isComplete(): boolean {
    if (this.status === undefined) return false;
    return this.status !== 0 || this.work.data !== undefined || this.expDataSN >= (this.#total ?? 0);
  }

  /** The first run of Data-In PDUs that is missing, as far as is known. */
  get missing(): MissingRun | undefined {
    if (this.work.data !== undefined) return undefined;
    const end = Math.max(this.#total ?? 0, ...this.#have);
    if (this.expDataSN >= end) return undefined;
    let runLength = 1;
    while (this.expDataSN + runLength < end && !this.#have.has(this.expDataSN + runLength)) runLength += 1;
    return { begRun: this.expDataSN, runLength };
  }

  /** Forgets what has come behind `dataSN`: it comes again, cut in other pieces perhaps. */
  rewind(dataSN: number): void {
    this.#have = new Set([...this.#have].filter((number) => number < dataSN));
    this.expDataSN = Math.min(this.expDataSN, dataSN);
    this.#total = undefined;
    this.status = undefined;
    this.demanded = undefined;
  }
}
