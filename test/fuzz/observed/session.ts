/** The initiator's view of one session: what its connections share, and what new inputs are made from. */

import { serialAdd, serialDistance, serialLess } from '../../../src/bytes/index.ts';
import { COMMAND_WINDOW } from '../../../src/target/session.ts';
import type { SessionTerms } from '../random/login.ts';
import type { ObservedConnection } from './connection.ts';
import { DueAnswers } from './due-answers.ts';

export interface OpenR2T {
  readonly connection: ObservedConnection;
  readonly initiatorTaskTag: number;
  readonly targetTransferTag: number;
  readonly bufferOffset: number;
  readonly length: number;
}

/** Something that was sent, to be sent again. */
export interface SentRequest {
  readonly connection: ObservedConnection;
  readonly header: Uint8Array;
  readonly data: Uint8Array;
  readonly ahs?: Uint8Array;
}

/** No more of these are remembered than an input is ever made from. */
const REMEMBERED = 64;

export class ObservedSession {
  readonly name: string;
  readonly terms: SessionTerms;
  readonly due = new DueAnswers();
  readonly connections: ObservedConnection[] = [];
  readonly #onViolation: (what: string) => void;
  readonly #cmdSNs = new Set<number>();
  /** It joined, or may have joined, a session whose commands are somebody else's. */
  isStray = false;
  /** Something was sent that lets the target end it, now or in its turn. */
  mayEnd = false;
  /** The same for every session of the target: a cold reset (RFC 7143 §11.5.1). */
  mayEndOthers = false;
  tsih = 0;
  #expCmdSN: number | undefined;
  #maxCmdSN = 0;
  readonly r2ts: OpenR2T[] = [];
  readonly requests: SentRequest[] = [];
  /** Target Transfer Tags that ask for a DataACK, of text that goes on, and Initiator Task Tags that were sent. */
  readonly dataAcks: number[] = [];
  readonly textTags: number[] = [];
  readonly tags: number[] = [];
  #nextProbe = 0xf000_0000;

  constructor(name: string, terms: SessionTerms, onViolation: (what: string) => void) {
    this.name = name;
    this.terms = terms;
    this.#onViolation = (what) => onViolation(`${name}: ${what}`);
  }

  get errorRecoveryLevel(): number {
    return this.terms.errorRecoveryLevel;
  }

  /** Those on which commands can be sent. */
  get open(): readonly ObservedConnection[] {
    return this.connections.filter(({ phase, closed }) => phase === 'full feature' && !closed);
  }

  get closed(): boolean {
    return this.open.length === 0;
  }

  /** The CmdSN that is due, as far as the initiator knows. */
  get expCmdSN(): number {
    return this.#expCmdSN ?? 0;
  }

  /** The leading login's CmdSN is where the numbering starts. */
  begin(cmdSN: number): void {
    this.#expCmdSN ??= cmdSN;
    this.#maxCmdSN = this.#expCmdSN;
  }

  cmdSNSent(cmdSN: number): void {
    this.#cmdSNs.add(cmdSN);
  }

  /** Numbers that a task management function makes the target count as received (RFC 7143 §11.6.1, §4.2.3.3). */
  cmdSNsSkipped(before: number): void {
    const count = serialDistance(this.expCmdSN, before);
    if (count > 2 * COMMAND_WINDOW) return;
    for (let index = 0; index < count; index++) this.#cmdSNs.add(serialAdd(this.expCmdSN, index));
  }

  /** RFC 7143 §4.2.2.1: the window is as wide as commands may be under way, and ExpCmdSN never passes what was sent. */
  checkWindow(expCmdSN: number, maxCmdSN: number): void {
    if (this.isStray) return;
    const width = serialDistance(expCmdSN, maxCmdSN) + 1;
    if (width < 0 || width > COMMAND_WINDOW) this.#onViolation(`a window of ${width} commands`);
    const known = this.#expCmdSN ?? expCmdSN;
    for (let at = known; serialLess(at, expCmdSN); at = serialAdd(at, 1)) {
      if (this.#cmdSNs.has(at)) continue;
      this.#onViolation(`ExpCmdSN ${expCmdSN} passes CmdSN ${at}, which was never sent`);
      break;
    }
    if (serialLess(known, expCmdSN)) this.#expCmdSN = expCmdSN;
    if (serialLess(this.#maxCmdSN, maxCmdSN)) this.#maxCmdSN = maxCmdSN;
  }

  /** How many non-immediate commands may be sent now. */
  get room(): number {
    return Math.max(0, serialDistance(this.expCmdSN, this.#maxCmdSN) + 1);
  }

  /** RFC 7143 §11.9: "connection dropped" is about a connection of this session. */
  checkDropped(cid: number): void {
    if (this.isStray || this.mayEnd || this.connections.some((connection) => connection.cid === cid)) return;
    this.#onViolation(`connection ${cid} is said to be dropped, which there never was`);
  }

  /** A tag that no input uses. */
  probeTag(): number {
    this.#nextProbe = this.#nextProbe >= 0xffff_fff0 ? 0xf000_0000 : this.#nextProbe + 1;
    return this.#nextProbe;
  }

  remember<T>(list: T[], item: T): void {
    list.push(item);
    if (list.length > REMEMBERED) list.shift();
  }

  close(): void {
    for (const connection of this.connections) connection.close();
  }
}
