/** The initiator's end of one connection, which sends whatever it is given, and looks at everything that comes. */

import { serialAdd } from '../../../src/bytes/index.ts';
import { Opcode } from '../../../src/iscsi/opcode.ts';
import { BasicHeader, LoginResponse } from '../../../src/iscsi/pdu.ts';
import { type Pdu, PduReader } from '../../../src/iscsi/pdu-reader.ts';
import { decodeText } from '../../../src/iscsi/text.ts';
import type { SimulatedTcp } from '../../support/simulated-tcp.ts';
import { type Digests, type PduBytesOptions, pduBytes } from './pdu-bytes.ts';
import { pong } from './pong.ts';
import { ReceivedPdus } from './received-pdus.ts';
import { SentRequests } from './sent-requests.ts';
import { SentStream } from './sent-stream.ts';
import type { ObservedSession } from './session.ts';

const LONGEST_SEGMENT = 0xff_ffff;

export class ObservedConnection {
  readonly session: ObservedSession;
  readonly cid: number;
  readonly #tcp: SimulatedTcp;
  readonly #onViolation: (what: string) => void;
  readonly #reader = new PduReader({ maxDataSegmentLength: LONGEST_SEGMENT, headerDigest: false, dataDigest: false });
  readonly #requests = new SentRequests(this);
  readonly #sent = new SentStream(this.#requests);
  readonly #received: ReceivedPdus;
  readonly #answers = new Map<number, Pdu[]>();
  readonly #keys = new Map<string, string>();
  #digests: Digests = { headerDigest: false, dataDigest: false };
  #heldExpStatSN: number | undefined;
  #closed = false;
  #closedHere = false;
  /** Another connection has been asked for in its place, or it cannot give a sign of life. */
  mayEnd = false;
  /** Is told of everything that comes in the full feature phase. */
  onPdu: ((pdu: Pdu) => void) | undefined;
  phase: 'login' | 'full feature' = 'login';
  /** Class and detail of the last Login Response. */
  loginStatus = -1;
  /** Of the first response after the login. */
  firstStatSN = 0;

  constructor(session: ObservedSession, cid: number, tcp: SimulatedTcp, onViolation: (what: string) => void) {
    this.session = session;
    this.cid = cid;
    this.#tcp = tcp;
    this.#onViolation = (what) => onViolation(`${this.name}: ${what}`);
    this.#received = new ReceivedPdus(this, this.#requests, this.#onViolation);
    session.connections.push(this);
    tcp.start({
      data: (chunk) => this.#receive(chunk),
      drain: () => {},
      closed: () => {
        this.#closed = true;
      },
    });
  }

  get name(): string {
    return `${this.session.name}, connection ${this.cid}`;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** The target has ended it, and nothing that was sent gave it a reason. */
  get isEndedWithoutReason(): boolean {
    const mayEnd = this.#closedHere || this.mayEnd || this.session.mayEnd;
    return this.#closed && !mayEnd && this.phase === 'full feature';
  }

  get digests(): Digests {
    return this.#digests;
  }

  /** Of the next response; undefined before the first. */
  get statSN(): number | undefined {
    return this.#received.statSN;
  }

  /** What the next PDU acknowledges, for who looks at nothing (RFC 7143 §4.2.2.2). */
  get expStatSN(): number {
    return this.#heldExpStatSN ?? this.statSN ?? 0;
  }

  /** Nothing that comes from now on is acknowledged: a target that has to wait for that need not wait for ever. */
  holdAcknowledgements(): void {
    this.mayEnd = true;
    this.#heldExpStatSN = this.expStatSN;
  }

  /** Whether the target has told that it lost another connection. */
  hasToldDropped(cid: number): boolean {
    return this.#received.toldDropped.includes(cid);
  }

  /** Stops taking what the target sends, and takes it again. */
  stall(): void {
    this.#tcp.pause();
  }

  resume(): void {
    this.#tcp.resume();
  }

  close(): void {
    this.#closedHere = true;
    this.#tcp.destroy();
  }

  send(header: Uint8Array, data: Uint8Array = new Uint8Array(0), options: PduBytesOptions = {}): void {
    this.write(pduBytes(header, data, this.#digests, options));
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
    return this.#requests.rejection(header);
  }

  #receive(chunk: Uint8Array): void {
    try {
      this.#reader.push(chunk);
      for (let pdu = this.#reader.next(); pdu !== undefined; pdu = this.#reader.next()) this.#take(pdu);
    } catch (error) {
      this.#onViolation(`cannot read what the target sends: ${String(error)}`);
    }
  }

  #take(pdu: Pdu): void {
    const { opcode, initiatorTaskTag } = BasicHeader.view(pdu.header);
    this.#received.take(pdu);
    if (opcode !== Opcode.reject) this.#answers.get(initiatorTaskTag)?.push(pdu);
    if (opcode === Opcode.loginResponse) this.#loginResponse(pdu);
    else if (this.onPdu !== undefined) this.onPdu(pdu);
    else if (opcode === Opcode.nopIn) this.#answerPing(pdu.header);
  }

  #answerPing(header: Uint8Array): void {
    const answer = pong(header, this.session.expCmdSN, this.expStatSN);
    if (answer === undefined) return;
    // In the middle of a PDU it would become that one's data.
    if (this.missing === 0) this.send(answer);
    else this.mayEnd = true;
  }

  #loginResponse(pdu: Pdu): void {
    const response = LoginResponse.view(pdu.header);
    this.loginStatus = response.statusClass * 256 + response.statusDetail;
    if (this.loginStatus !== 0) return;
    for (const { key, value } of decodeText(Buffer.concat(pdu.data))) this.#keys.set(key, value);
    if (!response.transit || response.nextStage !== 3) return;
    this.phase = 'full feature';
    this.firstStatSN = serialAdd(response.statSN, 1);
    this.session.tsih = response.tsih;
    const headerDigest = this.#keys.get('HeaderDigest') === 'CRC32C';
    const dataDigest = this.#keys.get('DataDigest') === 'CRC32C';
    this.#digests = { headerDigest, dataDigest };
    this.#sent.configure(headerDigest, dataDigest);
    this.#reader.configure({ maxDataSegmentLength: LONGEST_SEGMENT, headerDigest, dataDigest });
  }
}
