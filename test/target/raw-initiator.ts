/** An initiator that does what a test says, PDU by PDU, right or wrong. */

import { encodeExtendedCdb } from '../../src/iscsi/additional-header.ts';
import { Opcode, RESERVED_TAG } from '../../src/iscsi/opcode.ts';
import {
  BasicHeader,
  DataIn,
  DataOut,
  LoginRequest,
  LoginResponse,
  LogoutRequest,
  NopIn,
  NopOut,
  ReadyToTransfer,
  Reject,
  ScsiCommand,
  ScsiResponse,
  SnackRequest,
  TaskManagementRequest,
  TaskManagementResponse,
} from '../../src/iscsi/pdu.ts';
import { type Pdu, PduReader } from '../../src/iscsi/pdu-reader.ts';
import { writePdu } from '../../src/iscsi/pdu-writer.ts';
import { decodeText, encodeText } from '../../src/iscsi/text.ts';
import type { TcpConnection } from '../../src/os/network.ts';
import { encodeLun } from '../../src/scsi/index.ts';
import { checkHeaderForm } from '../support/header-form.ts';

export const INITIATOR = 'iqn.2026-11.internal.test:initiator';

export interface LoginOptions {
  readonly targetName?: string;
  readonly initiatorName?: string;
  readonly isid?: string;
  readonly tsih?: number;
  readonly cid?: number;
  readonly discovery?: boolean;
  /** Operational keys to negotiate. */
  readonly keys?: Readonly<Record<string, string>>;
}

export interface CommandOptions {
  readonly lun?: number;
  /** EDTL */
  readonly length?: number;
  readonly direction?: 'read' | 'write' | 'both' | 'none';
  /** Instead of those that the CDB needs. */
  readonly ahs?: Uint8Array;
  readonly immediateData?: Uint8Array;
  readonly final?: boolean;
  readonly immediate?: boolean;
  readonly attribute?: number;
  readonly cmdSN?: number;
  readonly initiatorTaskTag?: number;
}

export interface ManagementOptions {
  readonly lun?: number;
  readonly referencedTaskTag?: number;
  readonly refCmdSN?: number;
  readonly cmdSN?: number;
  readonly expDataSN?: number;
  readonly initiatorTaskTag?: number;
}

export interface Result {
  readonly status: number;
  readonly data: Uint8Array;
  readonly sense: Uint8Array;
  /** Positive: overflow; negative: underflow. */
  readonly residual: number;
  readonly pdus: readonly Pdu[];
}

export class RawInitiator {
  readonly #tcp: TcpConnection;
  #reader = new PduReader({ maxDataSegmentLength: 0xff_ffff, headerDigest: false, dataDigest: false });
  #digests = { headerDigest: false, dataDigest: false };
  readonly #received: Pdu[] = [];
  #waiting: ((pdu: Pdu | undefined) => void) | undefined;
  readonly closed: Promise<Error | undefined>;
  #isClosed = false;
  /** Pings of the target's are answered at once, and not given to the test. */
  acknowledges = false;
  cmdSN = 1;
  /** Of the session that it has logged in to. */
  tsih = 0;
  expStatSN = 0;
  /** Of what it sent last; the connections of one session share their tags. */
  lastTag = 0;

  constructor(tcp: TcpConnection) {
    this.#tcp = tcp;
    const { promise, resolve } = Promise.withResolvers<Error | undefined>();
    this.closed = promise;
    tcp.start({
      data: (chunk) => {
        this.#reader.push(chunk);
        this.#pump();
      },
      drain: () => {},
      closed: (error) => {
        this.#isClosed = true;
        this.#waiting?.(undefined);
        resolve(error);
      },
    });
  }

  get tcp(): TcpConnection {
    return this.#tcp;
  }

  #pump(): void {
    for (let pdu = this.#reader.next(); pdu !== undefined; pdu = this.#reader.next()) {
      if (!pdu.dataDigestOk) throw new Error('the target sent a wrong data digest');
      checkHeaderForm(pdu.header);
      if (this.acknowledges && this.#acknowledge(NopIn.view(pdu.header))) continue;
      const waiting = this.#waiting;
      this.#waiting = undefined;
      if (waiting === undefined) this.#received.push(pdu);
      else waiting(pdu);
    }
  }

  /** Answers a ping of the target's, and thereby acknowledges all that came before it. False for anything else. */
  #acknowledge({ opcode, initiatorTaskTag, targetTransferTag, statSN }: NopIn): boolean {
    if (opcode !== Opcode.nopIn || initiatorTaskTag !== RESERVED_TAG) return false;
    this.expStatSN = statSN;
    this.pong(targetTransferTag);
    return true;
  }

  /** The next PDU; undefined when the connection is over. */
  async next(): Promise<Pdu | undefined> {
    const pdu = this.#received.shift();
    if (pdu !== undefined || this.#isClosed) return pdu;
    return new Promise((resolve) => {
      this.#waiting = resolve;
    });
  }

  /** `next` gives this one again. */
  pushBack(pdu: Pdu): void {
    this.#received.unshift(pdu);
  }

  /** The next PDU, which must be of this opcode. */
  async expect(opcode: number): Promise<Pdu> {
    const pdu = await this.next();
    if (pdu === undefined) throw new Error(`the connection ended, opcode ${opcode} was expected`);
    const got = BasicHeader.view(pdu.header).opcode;
    if (got !== opcode) throw new Error(`opcode 0x${got.toString(16)} came, 0x${opcode.toString(16)} was expected`);
    return pdu;
  }

  /** The next PDU, which must be a Reject: its reason, and the header that it carries. */
  async rejection(): Promise<{ readonly reason: number; readonly header: Uint8Array }> {
    const pdu = await this.expect(Opcode.reject);
    const { reason, statSN } = Reject.view(pdu.header);
    this.expStatSN = (statSN + 1) >>> 0;
    return { reason, header: Buffer.concat(pdu.data) };
  }

  sendBytes(bytes: Uint8Array): void {
    this.#tcp.write(bytes);
  }

  send(header: Uint8Array, data: readonly Uint8Array[] = []): void {
    writePdu((part) => this.#tcp.write(part), header, data, this.#digests);
  }

  /** Sends a PDU of which a byte changes on the way: digests show it where they were agreed on. */
  sendDamaged(part: 'header' | 'data', header: Uint8Array, data: Uint8Array): void {
    const parts: Uint8Array[] = [];
    writePdu((each) => parts.push(each), header, [data], this.#digests);
    const bytes = Buffer.concat(parts);
    const at = part === 'header' ? 40 : bytes.indexOf(data);
    bytes[at] = (bytes[at] ?? 0) ^ 0xff;
    this.#tcp.write(bytes);
  }

  newTag(): number {
    this.lastTag += 1;
    return this.lastTag;
  }

  async login(options: LoginOptions = {}): Promise<ReadonlyMap<string, string>> {
    const status = await this.tryLogin(options);
    if (typeof status === 'number') throw new Error(`login failed: ${status.toString(16)}`);
    return status;
  }

  /** Logs in by two requests, security and operational. Gives the target's keys, or the status that refused it. */
  async tryLogin(options: LoginOptions = {}): Promise<ReadonlyMap<string, string> | number> {
    const keys = new Map<string, string>();
    const first = [
      { key: 'InitiatorName', value: options.initiatorName ?? INITIATOR },
      // Only the leading login says it (RFC 7143 §13.21).
      ...(options.tsih ? [] : [{ key: 'SessionType', value: options.discovery ? 'Discovery' : 'Normal' }]),
      ...(options.targetName === undefined ? [] : [{ key: 'TargetName', value: options.targetName }]),
      { key: 'AuthMethod', value: 'None' },
    ];
    const second = Object.entries(options.keys ?? {}).map(([key, value]) => ({ key, value }));
    const stages = [
      { currentStage: 0, nextStage: 1, pairs: first },
      { currentStage: 1, nextStage: 3, pairs: second },
    ];
    for (const { currentStage, nextStage, pairs } of stages) {
      const header = LoginRequest.encode({
        opcode: Opcode.loginRequest,
        immediate: true,
        transit: true,
        currentStage,
        nextStage,
        isid: Buffer.from(options.isid ?? '800000000001', 'hex'),
        tsih: options.tsih ?? 0,
        initiatorTaskTag: 0,
        cid: options.cid ?? 1,
        cmdSN: this.cmdSN,
        expStatSN: this.expStatSN,
      });
      this.send(header, [encodeText(pairs)]);
      const pdu = await this.expect(Opcode.loginResponse);
      const response = LoginResponse.view(pdu.header);
      const status = response.statusClass * 256 + response.statusDetail;
      if (status !== 0) return status;
      for (const { key, value } of decodeText(Buffer.concat(pdu.data))) keys.set(key, value);
      this.expStatSN = response.statSN + 1;
      this.tsih = response.tsih;
    }
    this.#digests = {
      headerDigest: keys.get('HeaderDigest') === 'CRC32C',
      dataDigest: keys.get('DataDigest') === 'CRC32C',
    };
    this.#reader.configure({ maxDataSegmentLength: 0xff_ffff, ...this.#digests });
    return keys;
  }

  /** Sends a SCSI command and gives its tag. */
  command(cdb: Uint8Array, options: CommandOptions = {}): number {
    const initiatorTaskTag = options.initiatorTaskTag ?? this.newTag();
    const direction = options.direction ?? 'read';
    const ahs = options.ahs ?? (cdb.length > 16 ? encodeExtendedCdb(cdb) : new Uint8Array(0));
    const header = ScsiCommand.encode({
      opcode: Opcode.scsiCommand,
      totalAHSLength: ahs.length / 4,
      immediate: options.immediate ?? false,
      final: options.final ?? true,
      read: direction === 'read' || direction === 'both',
      write: direction === 'write' || direction === 'both',
      attribute: options.attribute ?? 1,
      lun: encodeLun(options.lun ?? 0),
      initiatorTaskTag,
      expectedDataTransferLength: options.length ?? 0,
      cmdSN: options.cmdSN ?? this.cmdSN,
      expStatSN: this.expStatSN,
      cdb: cdb.subarray(0, 16),
    });
    if (options.immediate !== true && options.cmdSN === undefined) this.cmdSN = (this.cmdSN + 1) >>> 0;
    this.send(Buffer.concat([header, ahs]), options.immediateData === undefined ? [] : [options.immediateData]);
    return initiatorTaskTag;
  }

  dataOut(
    initiatorTaskTag: number,
    data: Uint8Array,
    values: { targetTransferTag?: number; dataSN: number; bufferOffset: number; final: boolean; lun?: number },
  ): void {
    const header = DataOut.encode({
      opcode: Opcode.dataOut,
      lun: encodeLun(values.lun ?? 0),
      initiatorTaskTag,
      expStatSN: this.expStatSN,
      targetTransferTag: values.targetTransferTag ?? RESERVED_TAG,
      dataSN: values.dataSN,
      bufferOffset: values.bufferOffset,
      final: values.final,
    });
    this.send(header, data.length > 0 ? [data] : []);
  }

  /** Collects the PDUs of one answer until its status. */
  async result(initiatorTaskTag: number): Promise<Result> {
    const pdus: Pdu[] = [];
    const parts: Uint8Array[] = [];
    for (;;) {
      const pdu = await this.next();
      if (pdu === undefined) throw new Error('the connection ended before the status');
      if (isWindowUpdate(pdu)) continue;
      pdus.push(pdu);
      const header = BasicHeader.view(pdu.header);
      if (header.initiatorTaskTag !== initiatorTaskTag) throw new Error(`an answer to ${header.initiatorTaskTag} came`);
      if (header.opcode === Opcode.dataIn) {
        const view = DataIn.view(pdu.header);
        parts.push(...pdu.data);
        if (!view.hasStatus) continue;
        this.expStatSN = view.statSN + 1;
        return {
          status: view.status,
          data: Buffer.concat(parts),
          sense: new Uint8Array(0),
          residual: residualOf(view),
          pdus,
        };
      }
      if (header.opcode !== Opcode.scsiResponse) throw new Error(`opcode ${header.opcode} came`);
      const view = ScsiResponse.view(pdu.header);
      this.expStatSN = view.statSN + 1;
      const sense = Buffer.concat(pdu.data).subarray(2);
      return { status: view.status, data: Buffer.concat(parts), sense, residual: residualOf(view), pdus };
    }
  }

  async run(cdb: Uint8Array, options: CommandOptions = {}): Promise<Result> {
    return this.result(this.command(cdb, options));
  }

  /** Answers R2Ts for a task with PDUs of at most `segment` bytes, until its status comes. */
  async writeBySolicitation(tag: number, data: Uint8Array, segment: number, lun = 0): Promise<Result> {
    for (;;) {
      const pdu = await this.next();
      if (pdu === undefined) throw new Error('the connection ended before the status');
      if (BasicHeader.view(pdu.header).opcode !== Opcode.readyToTransfer) {
        this.#received.unshift(pdu);
        return this.result(tag);
      }
      const r2t = ReadyToTransfer.view(pdu.header);
      const { targetTransferTag, bufferOffset, desiredDataTransferLength } = r2t;
      this.sendSequence(tag, data, targetTransferTag, bufferOffset, desiredDataTransferLength, segment, lun);
    }
  }

  /** One sequence of Data-Out PDUs. */
  sendSequence(
    tag: number,
    data: Uint8Array,
    ttt: number,
    offset: number,
    length: number,
    segment: number,
    lun = 0,
  ): void {
    let dataSN = 0;
    for (let at = 0; at < length; at += segment) {
      const size = Math.min(segment, length - at);
      const part = data.subarray(offset + at, offset + at + size);
      const final = at + size === length;
      this.dataOut(tag, part, { targetTransferTag: ttt, dataSN, bufferOffset: offset + at, final, lun });
      dataSN += 1;
    }
  }

  /** Sends a NOP-Out that asks for an answer, and gives its tag. */
  ping(data: Uint8Array = new Uint8Array(0)): number {
    const initiatorTaskTag = this.newTag();
    const header = NopOut.encode({
      opcode: Opcode.nopOut,
      immediate: true,
      final: true,
      initiatorTaskTag,
      targetTransferTag: RESERVED_TAG,
      cmdSN: this.cmdSN,
      expStatSN: this.expStatSN,
    });
    this.send(header, data.length > 0 ? [data] : []);
    return initiatorTaskTag;
  }

  /** Asks for something to be sent again, or acknowledges data (RFC 7143 §11.16). */
  snack(values: {
    type: number;
    initiatorTaskTag?: number;
    targetTransferTag?: number;
    begRun: number;
    runLength: number;
  }): void {
    const tags = { initiatorTaskTag: RESERVED_TAG, targetTransferTag: RESERVED_TAG };
    const header = { opcode: Opcode.snackRequest, final: true, expStatSN: this.expStatSN };
    this.send(SnackRequest.encode({ ...header, ...tags, ...values }));
  }

  /** Sends an immediate task management function, and gives its tag. */
  manage(fn: number, options: ManagementOptions = {}): number {
    const { lun = 0, initiatorTaskTag = this.newTag(), ...values } = options;
    const header = TaskManagementRequest.encode({
      opcode: Opcode.taskManagementRequest,
      immediate: true,
      final: true,
      function: fn,
      lun: encodeLun(lun),
      initiatorTaskTag,
      referencedTaskTag: RESERVED_TAG,
      cmdSN: this.cmdSN,
      expStatSN: this.expStatSN,
      ...values,
    });
    this.send(header);
    return initiatorTaskTag;
  }

  /** The next PDU, which must be a task management response: its response code and what else it says. */
  async managed(): Promise<TaskManagementResponse> {
    const view = TaskManagementResponse.view((await this.expect(Opcode.taskManagementResponse)).header);
    this.expStatSN = view.statSN + 1;
    return view;
  }

  /** Answers the target's own ping. */
  pong(targetTransferTag: number): void {
    const header = NopOut.encode({
      opcode: Opcode.nopOut,
      immediate: true,
      final: true,
      initiatorTaskTag: RESERVED_TAG,
      targetTransferTag,
      cmdSN: this.cmdSN,
      expStatSN: this.expStatSN,
    });
    this.send(header);
  }

  logout(reason = 0, cid = 1): void {
    const header = LogoutRequest.encode({
      opcode: Opcode.logoutRequest,
      immediate: true,
      final: true,
      reason,
      initiatorTaskTag: this.newTag(),
      cid,
      cmdSN: this.cmdSN,
      expStatSN: this.expStatSN,
    });
    this.send(header);
  }
}

/** A NOP-In that asks for nothing and answers nothing: the target may tell its window at any time. */
function isWindowUpdate({ header }: Pdu): boolean {
  const { opcode, initiatorTaskTag, targetTransferTag } = NopIn.view(header);
  return opcode === Opcode.nopIn && initiatorTaskTag === RESERVED_TAG && targetTransferTag === RESERVED_TAG;
}

function residualOf(view: { overflow: boolean; underflow: boolean; residualCount: number }): number {
  if (view.overflow) return view.residualCount;
  return view.underflow ? -view.residualCount : 0;
}
