/** What has been sent on one connection: which answers are due for it, and whether it lets the target end the session. */

import { readU24, readU32 } from '../../../src/bytes/index.ts';
import { Opcode } from '../../../src/iscsi/opcode.ts';
import { BasicHeader, LoginRequest, TaskManagementFunction, TaskManagementRequest } from '../../../src/iscsi/pdu.ts';
import type { ObservedConnection } from './connection.ts';
import { type EndReach, isHeadFatal, reachOf } from './end-reasons.ts';

const { taskReassign, abortTask, queryTask, targetWarmReset, targetColdReset, itNexusReset } = TaskManagementFunction;
/** What counts the command that it is about as received, or all before it (RFC 7143 §11.6.1, §4.2.3.3). */
const skippingOne: ReadonlySet<number> = new Set([abortTask, queryTask]);
const skippingAll: ReadonlySet<number> = new Set([targetWarmReset, targetColdReset, itNexusReset]);

/** Tags from here on are those of probes. */
const FIRST_PROBE = 0xf000_0000;

const HEADER_LENGTH = 48;
const DATA_SEGMENT_LENGTH = 5;
const CMD_SN = 24;

export class SentRequests {
  readonly #connection: ObservedConnection;
  /** Headers that a Reject may quote, and the reason with which each was rejected last. */
  readonly #headers = new Map<string, number | undefined>();
  /** Tags that were asked about: a SNACK may bring what belongs to them again. */
  readonly #tags = new Set<number>();
  /** Tasks that TASK REASSIGN was sent for, by its own tag. */
  readonly #reassigning = new Map<number, number>();
  /** How often an answer that was lost may be given here because a function asked for its task. */
  readonly #lookedFor = new Map<number, number>();
  /** Bytes of Data-Out by tag. */
  readonly #dataBytes = new Map<number, number>();
  #snacks = 0;

  constructor(connection: ObservedConnection) {
    this.#connection = connection;
  }

  /** How many SNACK Requests were sent. */
  get snacks(): number {
    return this.#snacks;
  }

  /** Whether a tag has been asked about here. */
  hasAsked(tag: number): boolean {
    return this.#tags.has(tag);
  }

  /** The task that a TASK REASSIGN of this tag was sent for. */
  reassigning(tag: number): number | undefined {
    return this.#reassigning.get(tag);
  }

  /** An answer that got lost with another connection comes again before the answer to a function for its task (RFC 7143 §11.5.1). */
  takeLookedFor(tag: number): boolean {
    const left = this.#lookedFor.get(tag) ?? 0;
    this.#lookedFor.set(tag, left - 1);
    return left > 0;
  }

  /** A task has been taken over by this connection. */
  reassigned(tag: number): void {
    this.#tags.add(tag);
  }

  /** A Reject has come: false when nothing of the kind was sent. */
  rejected(header: Uint8Array, reason: number): boolean {
    const key = keyOf(header);
    if (!this.#headers.has(key)) return false;
    this.#headers.set(key, reason);
    return true;
  }

  /** The reason with which a header was rejected last. */
  rejection(header: Uint8Array): number | undefined {
    return this.#headers.get(keyOf(header));
  }

  head(header: Buffer, isSound: boolean): void {
    if (isHeadFatal(header, isSound)) this.#connection.session.mayEnd = true;
  }

  whole(header: Buffer, ahs: Buffer, isSound: boolean): void {
    const { session, phase } = this.#connection;
    const { opcode, immediate, initiatorTaskTag: tag } = BasicHeader.view(header);
    this.#headers.set(keyOf(header), undefined);
    const cmdSN = immediate ? undefined : readU32(header, CMD_SN);
    if (phase === 'login') {
      this.#login(opcode, header);
      session.due.asked(tag, this.#connection, undefined);
    } else this.#noteReach(reachOf(header, ahs, isSound, session.errorRecoveryLevel));
    if (opcode === Opcode.dataOut) this.#dataOut(tag, header);
    if (opcode === Opcode.snackRequest) this.#snacks += 1;
    if (opcode === Opcode.dataOut || opcode === Opcode.snackRequest) return;
    // Behind the end of a login that has not been heard of yet, it may be no Login Request any more.
    if (cmdSN !== undefined) session.cmdSNSent(cmdSN);
    if (phase === 'login') return;
    session.due.asked(tag, this.#connection, cmdSN);
    this.#tags.add(tag);
    if (tag < FIRST_PROBE) session.remember(session.tags, tag);
    if (opcode === Opcode.taskManagementRequest) this.#taskManagement(tag, header);
  }

  #login(opcode: number, header: Buffer): void {
    if (opcode !== Opcode.loginRequest) return;
    const { session } = this.#connection;
    const { tsih, cmdSN } = LoginRequest.view(header);
    if (tsih !== session.tsih) session.isStray = true;
    else if (tsih === 0) session.begin(cmdSN);
  }

  #noteReach(reach: EndReach): void {
    const { session } = this.#connection;
    if (reach === 'session') session.mayEnd = true;
    else if (reach === 'every session') session.mayEndOthers = true;
  }

  /** For a command that waits for its turn, more data than may come unasked ends the session; what waits is not known here. */
  #dataOut(tag: number, header: Buffer): void {
    const bytes = (this.#dataBytes.get(tag) ?? 0) + HEADER_LENGTH + readU24(header, DATA_SEGMENT_LENGTH);
    this.#dataBytes.set(tag, bytes);
    if (bytes > this.#connection.session.terms.firstBurstLength) this.#connection.session.mayEnd = true;
  }

  #taskManagement(tag: number, header: Buffer): void {
    const { session } = this.#connection;
    const { function: asked, referencedTaskTag, cmdSN, refCmdSN } = TaskManagementRequest.view(header);
    if (asked === taskReassign) this.#reassigning.set(tag, referencedTaskTag);
    if (skippingOne.has(asked)) {
      session.cmdSNSent(refCmdSN);
      this.#lookedFor.set(referencedTaskTag, Math.max(0, this.#lookedFor.get(referencedTaskTag) ?? 0) + 1);
    }
    if (skippingAll.has(asked)) session.cmdSNsSkipped(cmdSN);
  }
}

/** A header without its lengths, which are filled in when it is sent. */
function keyOf(header: Uint8Array): string {
  const bytes = Buffer.from(header.buffer, header.byteOffset, header.byteLength);
  return bytes.toString('latin1', 0, 4) + bytes.toString('latin1', 8, 48);
}
