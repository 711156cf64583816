/** One SCSI command on its way through the target: what was asked, the data in both directions, and how far it is. */

import { inOnePiece } from '../bytes/index.ts';
import { type AdditionalHeaders, joinCdb } from '../iscsi/additional-header.ts';
import { DataIn, ScsiCommand, TaskAttribute } from '../iscsi/pdu.ts';
import type { DispatchEntry } from './commands/index.ts';
import type { DataOutTransfer } from './data-out.ts';
import type { LogicalUnit } from './logical-unit.ts';
import type { Nexus } from './nexus.ts';
import type { SessionConnection } from './session-connection.ts';

const { fields } = ScsiCommand;
/** Where the header of a SCSI Command has the CDB, of one that is longer the first 16 bytes. */
export const CDB_IN_HEADER = fields.cdb.offset;
const noData: readonly Uint8Array[] = [];

/** The session that a task belongs to, as logical units and other sessions see it. */
export interface TaskOwner extends Nexus {
  /** iSCSIProtocolLevel, as negotiated (RFC 7144 §7.1.1). */
  readonly protocolLevel: number;
  /** Its turn in the task set has come. */
  start(task: Task): void;
  /** Ends it unanswered. A promise when the device is still at work on it: until then it may change the medium. */
  abort(task: Task): Promise<void> | undefined;
  /** Likewise, but what its R2Ts have asked for comes first, and is thrown away (RFC 7143 §4.2.3.3). */
  abortAfterData(task: Task): Promise<void> | undefined;
  /** Tells the initiator how many commands it may send now, after others have ended tasks of it. */
  tellWindow(): void;
}

/**
 * `waiting`: for its turn in the task set, or for room to read in. `transferring`: for its Data-Out. `running`: the device
 * works. `ended`: answered, or aborted and never answered.
 */
export type TaskState = 'waiting' | 'transferring' | 'running' | 'ended';

export class Task {
  /**
   * One that is nobody's and is never run. V8 forgets the layout of a class's objects when a collection finds none of them, and with
   * it the machine code of all that has to do with them. If that comes while it still counts how many fields they have, which is while
   * the first seven are made, it leaves no room for any, and every later task is a dictionary: a READ then takes twice as long for as
   * long as the program runs.
   */
  static readonly exemplar: unknown = Reflect.construct(Task, [
    undefined,
    undefined,
    new Uint8Array(48),
    {},
    undefined,
  ]);

  readonly nexus: TaskOwner;
  /** The connection that it is allegiant to: its data and its answer go there (RFC 7143 §4.2.2.1). */
  connection: SessionConnection;
  /** Came as an immediate command: no window holds it back, and it cannot be recovered on another connection (RFC 7143 §7.14). */
  readonly isImmediate: boolean;
  readonly initiatorTaskTag: number;
  /** The unit that it is for; undefined where there is none. */
  readonly unit: LogicalUnit | undefined;
  /** A value of TaskAttribute. */
  readonly attribute: number;
  readonly cmdSN: number;
  /** Takes a place in the command window: until its answer, and never when it came as an immediate command. */
  inWindow: boolean;
  /** EDTL: bytes that the initiator is ready to send or take. */
  readonly expectedDataTransferLength: number;
  /** Bytes that the initiator is ready to take beside those that it sends (RFC 7143 §11.2.2.4): none are ever sent. */
  readonly bidirectionalReadLength: number;
  readonly isRead: boolean;
  readonly isWrite: boolean;

  state: TaskState = 'waiting';
  aborted = false;
  /** An abort ends it unanswered, but neither stops what it has begun nor waits for that. */
  outlivesAbort = false;
  /** What the device raised, when that is why it failed. */
  deviceError: Error | undefined;
  /** What runs it; set by `LogicalUnit.prepare`. */
  entry: DispatchEntry | undefined;
  /** Byte range of the medium, for commands that have one. */
  offset: number;
  length: number;
  forceUnitAccess = false;

  /** Bytes that the command wants from the initiator (its SPDTL when it writes). */
  dataOutLength: number;
  /** What has arrived of them, in order. */
  dataOut: readonly Uint8Array[] = noData;
  dataOutReceived: number;
  transfer: DataOutTransfer | undefined;
  /** What goes back, in order, and how long the whole answer is (its SPDTL when it reads). */
  dataIn: readonly Uint8Array[] = noData;
  dataInLength: number;
  /** Bytes of a long read that are still on the medium, behind `offset`. */
  dataInPending: number;
  /** Numbering of the Data-In PDUs: the next DataSN and Buffer Offset. */
  dataSN: number;
  bufferOffset: number;
  /** Of the last R-Data SNACK: the answer must carry it (RFC 7143 §11.4.4). */
  snackTag: number;

  /** The next one in its slot of the session's table. */
  nextInSlot: Task | undefined;
  /** Where it is in the task set of its unit. */
  place: number;
  #header: Uint8Array;
  /** Made when it is first asked for, unless the header holds a part of it alone. */
  #cdb: Uint8Array | undefined;
  #waiters: (() => void)[] | undefined;

  /** `header` is a SCSI Command, and `additional` what came behind it. */
  constructor(
    nexus: TaskOwner,
    connection: SessionConnection,
    header: Uint8Array,
    additional: AdditionalHeaders,
    unit: LogicalUnit | undefined,
  ) {
    this.nexus = nexus;
    this.connection = connection;
    this.#header = header;
    this.isImmediate = fields.immediate.read(header, 0);
    this.unit = unit;
    this.initiatorTaskTag = fields.initiatorTaskTag.read(header, 0);
    this.attribute = fields.attribute.read(header, 0);
    this.cmdSN = fields.cmdSN.read(header, 0);
    this.inWindow = !this.isImmediate;
    this.#cdb = additional.extendedCdb === undefined ? undefined : joinCdb(fields.cdb.read(header, 0), additional);
    this.expectedDataTransferLength = fields.expectedDataTransferLength.read(header, 0);
    this.bidirectionalReadLength = additional.bidirectionalReadLength ?? 0;
    this.isRead = fields.read.read(header, 0);
    this.isWrite = fields.write.read(header, 0);
    // Here and not beside their names: V8 takes a field that begins with 0 for one of small integers. The first other number makes a
    // new layout of all tasks, in which such a field is an object of its own, and the kept task has the old one. What was undefined
    // before takes any value.
    this.offset = 0;
    this.length = 0;
    this.dataOutLength = 0;
    this.dataOutReceived = 0;
    this.dataInLength = 0;
    this.dataInPending = 0;
    this.dataSN = 0;
    this.bufferOffset = 0;
    this.snackTag = 0;
    this.place = 0;
  }

  /** The SCSI Command as it came: 48 bytes. */
  get header(): Uint8Array {
    return this.#header;
  }

  /** The first byte of the CDB. */
  get operationCode(): number {
    return this.#header[CDB_IN_HEADER] ?? 0;
  }

  /** The whole CDB: 16 bytes or more. A command that every READ comes to reads it in the header: this would be an object more. */
  get cdb(): Uint8Array {
    this.#cdb ??= fields.cdb.read(this.#header, 0);
    return this.#cdb;
  }

  /** The LUN field as it came: eight bytes. */
  get lun(): Uint8Array {
    return fields.lun.read(this.#header, 0);
  }

  /** Answers with parameter data, cut to what the initiator allowed in the CDB (SPC-4). */
  respond(data: Uint8Array, allocationLength: number): void {
    const cut = data.length > allocationLength ? data.subarray(0, allocationLength) : data;
    // Nothing is no buffer: a Data-In is only sent for bytes.
    this.dataIn = cut.length > 0 ? [cut] : noData;
    this.dataInLength = cut.length;
  }

  /** The parameter list that the initiator sent, in one piece. */
  parameters(): Uint8Array {
    return inOnePiece(this.dataOut);
  }

  /** The next Data-In takes the place of this one. */
  rewind(header: Uint8Array): void {
    const { dataSN, bufferOffset } = DataIn.view(header);
    this.dataSN = dataSN;
    this.bufferOffset = bufferOffset;
  }

  /** Resolves when it has been answered, or has been aborted and can change the medium no more. */
  whenEnded(): Promise<void> {
    if (this.state === 'ended') return Promise.resolve();
    this.#waiters ??= [];
    const waiters = this.#waiters;
    return new Promise((resolve) => waiters.push(resolve));
  }

  /**
   * It has been answered, and the answer is kept for as long as it may have to be given again: neither its data is, nor the chunk of
   * the stream in which it came.
   */
  release(): void {
    this.transfer = undefined;
    this.dataOut = noData;
    this.dataIn = noData;
    this.#header = new Uint8Array(this.#header);
    if (this.#cdb !== undefined) this.#cdb = new Uint8Array(this.#cdb);
  }

  end(): void {
    this.state = 'ended';
    if (this.#waiters !== undefined) for (const resolve of this.#waiters) resolve();
  }

  get isOrdered(): boolean {
    return this.attribute === TaskAttribute.ordered;
  }

  get isHeadOfQueue(): boolean {
    return this.attribute === TaskAttribute.headOfQueue;
  }
}
