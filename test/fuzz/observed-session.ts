/**
 * The initiator's end of one connection, which sends whatever it is given and holds every PDU of the target against what RFC 7143
 * promises: nothing is answered that was not asked, nothing twice, and all numbering only goes forward.
 */

import { readU32, serialAdd, serialDistance, serialLess } from '../../src/bytes/index.ts';
import { Opcode, RESERVED_TAG } from '../../src/iscsi/opcode.ts';
import {
  BasicHeader,
  DataIn,
  LoginResponse,
  ReadyToTransfer,
  Reject,
  TaskManagementFunction,
  TaskManagementRequest,
} from '../../src/iscsi/pdu.ts';
import { type Pdu, PduReader } from '../../src/iscsi/pdu-reader.ts';
import { writePdu } from '../../src/iscsi/pdu-writer.ts';
import { decodeText } from '../../src/iscsi/text.ts';
import { COMMAND_WINDOW } from '../../src/target/session.ts';
import type { SimulatedTcp } from '../support/simulated-tcp.ts';
import { SentStream } from './sent-stream.ts';

export interface OpenR2T {
  readonly initiatorTaskTag: number;
  readonly targetTransferTag: number;
  readonly bufferOffset: number;
  readonly length: number;
}

/** No more of these are remembered than an input is ever made from. */
const REMEMBERED = 64;

const answerOpcodes: ReadonlySet<number> = new Set([
  Opcode.nopIn,
  Opcode.scsiResponse,
  Opcode.taskManagementResponse,
  Opcode.loginResponse,
  Opcode.textResponse,
  Opcode.logoutResponse,
]);

const skippingOne: ReadonlySet<number> = new Set([TaskManagementFunction.abortTask, TaskManagementFunction.queryTask]);
const skippingAll: ReadonlySet<number> = new Set([
  TaskManagementFunction.targetWarmReset,
  TaskManagementFunction.targetColdReset,
  TaskManagementFunction.itNexusReset,
]);

export class ObservedSession {
  readonly name: string;
  readonly #tcp: SimulatedTcp;
  readonly #onViolation: (what: string) => void;
  readonly #reader = new PduReader({ maxDataSegmentLength: 0xff_ffff, headerDigest: false, dataDigest: false });
  readonly #sent: SentStream;
  #digests = { headerDigest: false, dataDigest: false };
  /** How many answers are due for each tag. */
  readonly #due = new Map<number, number>();
  /** Headers that a Reject may quote. */
  readonly #headers = new Map<string, number>();
  readonly #cmdSNs = new Set<number>();
  readonly #rejects = new Map<string, number>();
  readonly #answers = new Map<number, Pdu[]>();
  #closed = false;
  /** A Login Request was sent: its CmdSN is where the numbering starts. */
  #hasBegun = false;
  #keys = new Map<string, string>();
  phase: 'login' | 'full feature' = 'login';
  /** Class and detail of the last Login Response. */
  loginStatus = -1;
  statSN: number | undefined;
  expCmdSN = 0;
  maxCmdSN = 0;
  /** What inputs are made from: R2Ts that came, tags of text that goes on, and tags that were sent. */
  readonly r2ts: OpenR2T[] = [];
  readonly textTags: number[] = [];
  readonly tags: number[] = [];
  #nextProbe = 0xf000_0000;

  constructor(name: string, tcp: SimulatedTcp, onViolation: (what: string) => void) {
    this.name = name;
    this.#tcp = tcp;
    this.#onViolation = (what) => onViolation(`${name}: ${what}`);
    this.#sent = new SentStream((header) => this.#noteSent(header));
    tcp.start({
      data: (chunk) => this.#receive(chunk),
      drain: () => {},
      closed: () => {
        this.#closed = true;
      },
    });
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Stops taking what the target sends, and takes it again. */
  stall(): void {
    this.#tcp.pause();
  }

  resume(): void {
    this.#tcp.resume();
  }

  close(): void {
    this.#tcp.destroy();
  }

  /** A whole PDU as bytes, with the digests that are in force. */
  pduBytes(header: Uint8Array, data: Uint8Array = new Uint8Array(0)): Buffer {
    const parts: Uint8Array[] = [];
    writePdu((part) => parts.push(part), header, data.length === 0 ? [] : [data], this.#digests);
    return Buffer.concat(parts);
  }

  write(bytes: Uint8Array): void {
    if (this.#closed || bytes.length === 0) return;
    this.#sent.push(bytes);
    this.#tcp.write(bytes);
  }

  /** Bytes that the PDU under way still needs. */
  get missing(): number {
    return this.#sent.missing;
  }

  /** A tag that no input uses. */
  probeTag(): number {
    this.#nextProbe = this.#nextProbe >= 0xffff_fff0 ? 0xf000_0000 : this.#nextProbe + 1;
    return this.#nextProbe;
  }

  /** The answers of this tag are kept for `taken`. */
  keep(tag: number): void {
    this.#answers.set(tag, []);
  }

  taken(tag: number): readonly Pdu[] {
    return this.#answers.get(tag) ?? [];
  }

  forget(tag: number): void {
    this.#answers.delete(tag);
  }

  /** The reason with which a header was rejected last. */
  rejection(header: Uint8Array): number | undefined {
    return this.#rejects.get(keyOf(header));
  }

  #noteSent(header: Buffer): void {
    const { opcode, immediate, initiatorTaskTag } = BasicHeader.view(header);
    const key = keyOf(header);
    this.#headers.set(key, (this.#headers.get(key) ?? 0) + 1);
    if (!immediate && opcode !== Opcode.dataOut && opcode !== Opcode.snackRequest)
      this.#cmdSNs.add(readU32(header, 24));
    if (opcode === Opcode.taskManagementRequest) this.#noteSkipped(header);
    if (!this.#hasBegun && opcode === Opcode.loginRequest) {
      this.#hasBegun = true;
      this.expCmdSN = readU32(header, 24);
      this.maxCmdSN = this.expCmdSN;
    }
    if (this.phase !== 'login' && (opcode === Opcode.dataOut || opcode === Opcode.snackRequest)) return;
    this.#due.set(initiatorTaskTag, (this.#due.get(initiatorTaskTag) ?? 0) + 1);
    if (initiatorTaskTag < 0xf000_0000) remember(this.tags, initiatorTaskTag);
  }

  /** Numbers that a task management function makes the target count as received (RFC 7143 §11.6.1, §4.2.3.3). */
  #noteSkipped(header: Buffer): void {
    const { function: fn, cmdSN, refCmdSN } = TaskManagementRequest.view(header);
    if (skippingOne.has(fn)) this.#cmdSNs.add(refCmdSN);
    const count = serialDistance(this.expCmdSN, cmdSN);
    if (!skippingAll.has(fn) || count > 2 * COMMAND_WINDOW) return;
    for (let index = 0; index < count; index++) this.#cmdSNs.add(serialAdd(this.expCmdSN, index));
  }

  #receive(chunk: Uint8Array): void {
    try {
      this.#reader.push(chunk);
      for (let pdu = this.#reader.next(); pdu !== undefined; pdu = this.#reader.next()) this.#check(pdu);
    } catch (error) {
      this.#onViolation(`cannot read what the target sends: ${String(error)}`);
    }
  }

  #check(pdu: Pdu): void {
    const { opcode, initiatorTaskTag: tag } = BasicHeader.view(pdu.header);
    if (!pdu.dataDigestOk) this.#onViolation('a PDU with a wrong data digest');
    if ((this.phase === 'login') !== (opcode === Opcode.loginResponse)) {
      this.#onViolation(`opcode ${opcode.toString(16)}h in the ${this.phase} phase`);
    }
    this.#checkStatSN(opcode, pdu);
    this.#checkWindow(opcode, pdu);
    if (opcode === Opcode.reject) {
      this.#reject(pdu);
      return;
    }
    this.#answers.get(tag)?.push(pdu);
    if (answerOpcodes.has(opcode)) this.#answered(tag, opcode);
    if (opcode === Opcode.dataIn) this.#dataIn(pdu);
    else if (opcode === Opcode.readyToTransfer) this.#readyToTransfer(pdu);
    else if (opcode === Opcode.nopIn) this.#pong(pdu);
    else if (opcode === Opcode.textResponse && readU32(pdu.header, 20) !== RESERVED_TAG) {
      remember(this.textTags, readU32(pdu.header, 20));
    } else if (opcode === Opcode.loginResponse) this.#loginResponse(pdu);
    else if (!answerOpcodes.has(opcode) && opcode !== Opcode.asyncMessage) {
      this.#onViolation(`opcode ${opcode.toString(16)}h is no answer of a target`);
    }
  }

  /** RFC 7143 §4.2.2.2: each status advances StatSN by one. R2Ts and pings only announce the next one. */
  #checkStatSN(opcode: number, pdu: Pdu): void {
    if (opcode === Opcode.dataIn && !DataIn.view(pdu.header).hasStatus) return;
    const statSN = readU32(pdu.header, 24);
    this.statSN ??= statSN;
    if (statSN !== this.statSN) this.#onViolation(`StatSN ${statSN} where ${this.statSN} was due`);
    const isPing = opcode === Opcode.nopIn && readU32(pdu.header, 16) === RESERVED_TAG;
    if (opcode !== Opcode.readyToTransfer && !isPing) this.statSN = serialAdd(this.statSN, 1);
  }

  /** RFC 7143 §4.2.2.1: MaxCmdSN never falls, ExpCmdSN never passes what was sent. */
  #checkWindow(opcode: number, pdu: Pdu): void {
    const expCmdSN = readU32(pdu.header, 28);
    const maxCmdSN = readU32(pdu.header, 32);
    if (opcode === Opcode.loginResponse && LoginResponse.view(pdu.header).statusClass !== 0) return;
    if (serialLess(expCmdSN, this.expCmdSN)) this.#onViolation(`ExpCmdSN fell from ${this.expCmdSN} to ${expCmdSN}`);
    if (serialLess(maxCmdSN, this.maxCmdSN)) this.#onViolation(`MaxCmdSN fell from ${this.maxCmdSN} to ${maxCmdSN}`);
    for (let at = this.expCmdSN; at !== expCmdSN && serialLess(at, expCmdSN); at = serialAdd(at, 1)) {
      if (!this.#cmdSNs.has(at)) {
        this.#onViolation(`ExpCmdSN ${expCmdSN} passes CmdSN ${at}, which was never sent`);
        break;
      }
    }
    const width = serialDistance(expCmdSN, maxCmdSN) + 1;
    if (width < 0 || width > COMMAND_WINDOW) this.#onViolation(`a window of ${width} commands`);
    this.expCmdSN = expCmdSN;
    this.maxCmdSN = maxCmdSN;
  }

  #answered(tag: number, opcode: number): void {
    if (opcode === Opcode.nopIn && tag === RESERVED_TAG) return;
    const due = this.#due.get(tag) ?? 0;
    if (due === 0) this.#onViolation(`opcode ${opcode.toString(16)}h answers tag ${tag}, for which no answer is due`);
    else if (due === 1) this.#due.delete(tag);
    else this.#due.set(tag, due - 1);
  }

  #dataIn(pdu: Pdu): void {
    const header = DataIn.view(pdu.header);
    if (header.hasStatus) this.#answered(header.initiatorTaskTag, Opcode.dataIn);
    else if (!this.#due.has(header.initiatorTaskTag)) {
      this.#onViolation(`data for tag ${header.initiatorTaskTag}, for which no answer is due`);
    }
  }

  #readyToTransfer(pdu: Pdu): void {
    const { initiatorTaskTag, targetTransferTag, bufferOffset, desiredDataTransferLength } = ReadyToTransfer.view(
      pdu.header,
    );
    if (!this.#due.has(initiatorTaskTag)) this.#onViolation(`an R2T for tag ${initiatorTaskTag}, which is not open`);
    if (desiredDataTransferLength === 0) this.#onViolation('an R2T for no data');
    remember(this.r2ts, { initiatorTaskTag, targetTransferTag, bufferOffset, length: desiredDataTransferLength });
  }

  #reject(pdu: Pdu): void {
    const { reason } = Reject.view(pdu.header);
    const rejected = Buffer.concat(pdu.data).subarray(0, 48);
    const key = keyOf(rejected);
    if (!this.#headers.has(key)) {
      this.#onViolation(`a Reject of a PDU that was never sent: ${rejected.toString('hex')}`);
      return;
    }
    this.#rejects.set(key, reason);
    const { opcode, initiatorTaskTag } = BasicHeader.view(rejected);
    if (opcode !== Opcode.dataOut && opcode !== Opcode.snackRequest) this.#answered(initiatorTaskTag, Opcode.reject);
  }

  /** Answers a ping of the target's, as every initiator must that knows NOPs. */
  #pong(pdu: Pdu): void {
    const targetTransferTag = readU32(pdu.header, 20);
    if (targetTransferTag === RESERVED_TAG) return;
    const header = new Uint8Array(48);
    BasicHeader.write(header, 0, {
      opcode: Opcode.nopOut,
      immediate: true,
      final: true,
      initiatorTaskTag: RESERVED_TAG,
      lun: BasicHeader.view(pdu.header).lun,
    });
    new DataView(header.buffer).setUint32(20, targetTransferTag);
    new DataView(header.buffer).setUint32(24, this.expCmdSN);
    // In the middle of a PDU it would become that one's data.
    if (this.missing === 0) this.write(this.pduBytes(header));
  }

  #loginResponse(pdu: Pdu): void {
    const response = LoginResponse.view(pdu.header);
    this.loginStatus = response.statusClass * 256 + response.statusDetail;
    if (this.loginStatus !== 0) return;
    for (const { key, value } of decodeText(Buffer.concat(pdu.data))) this.#keys.set(key, value);
    if (!response.transit || response.nextStage !== 3) return;
    this.phase = 'full feature';
    const headerDigest = this.#keys.get('HeaderDigest') === 'CRC32C';
    const dataDigest = this.#keys.get('DataDigest') === 'CRC32C';
    this.#digests = { headerDigest, dataDigest };
    this.#sent.configure(headerDigest, dataDigest);
    this.#reader.configure({ maxDataSegmentLength: 0xff_ffff, headerDigest, dataDigest });
  }

  /** What this end wrote and the target has not taken. */
  get unsentBytes(): number {
    return this.#tcp.bufferedBytes;
  }
}

function keyOf(header: Uint8Array): string {
  return Buffer.from(header.buffer, header.byteOffset, header.byteLength).toString('latin1', 0, 48);
}

function remember<T>(list: T[], item: T): void {
  list.push(item);
  if (list.length > REMEMBERED) list.shift();
}
