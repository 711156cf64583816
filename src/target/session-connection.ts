/**
 * One connection of a normal session (RFC 7143 §4.2.1): what is its own, beside the session's commands and window. It has its
 * status numbers, its digests and segment lengths, and what it has sent and may have to send again.
 *
 * A connection that was lost while ErrorRecoveryLevel is 2 lives on without its socket: its tasks go on and their answers are kept
 * here, until they are reassigned or the time for that is over (§7.2.2, §7.5).
 */

import { ProtocolError, readU32, serialDistance } from '../bytes/index.ts';
import { decodeAdditionalHeaders } from '../iscsi/additional-header.ts';
import { Opcode } from '../iscsi/opcode.ts';
import type { Parameters } from '../iscsi/parameters.ts';
import { AsyncEvent } from '../iscsi/pdu.ts';
import type { Pdu } from '../iscsi/pdu-reader.ts';
import type { Timer } from '../os/clock.ts';
import type { Endpoint } from '../os/network.ts';
import { encodeLun } from '../scsi/index.ts';
import type { CommandWindow } from './command-window.ts';
import { ControlRequests } from './control-requests.ts';
import type { AnswerContext } from './data-in.ts';
import type { SessionEnd } from './event.ts';
import type { ConnectionControl, FullFeaturePhase } from './full-feature.ts';
import type { PduSender } from './pdu-sender.ts';
import { isRequest } from './request-format.ts';
import { Responses } from './responses.ts';
import { SentPdus } from './sent-pdus.ts';
import type { Session } from './session.ts';

export interface SessionConnectionOptions {
  readonly cid: number;
  readonly parameters: Parameters;
  readonly sender: PduSender;
  readonly control: ConnectionControl;
  /** Where the initiator can reach the target, here first. */
  readonly paths: () => readonly Endpoint[];
}

/** `lost`: without its socket; its tasks wait for their reassignment. */
export type SessionConnectionState = 'open' | 'lost' | 'ended';

/** Answers that an initiator has not looked at when it sends the next command. */
const FEW = 4;

/** PDUs from one that came ahead of answers. */
const DEEP_FOR = 32;

/** Byte offset of ExpStatSN in everything that an initiator sends. */
const EXP_STAT_SN = 28;

export class SessionConnection implements FullFeaturePhase, AnswerContext {
  readonly session: Session;
  readonly cid: number;
  /** Another one when the initiator has declared another length of data segments. */
  parameters: Parameters;
  readonly sender: PduSender;
  readonly control: ConnectionControl;
  readonly responses: Responses;
  /** Undefined with ErrorRecoveryLevel 0. */
  readonly sent: SentPdus | undefined;
  readonly #requests: ControlRequests;
  state: SessionConnectionState = 'open';
  /** The initiator has got every status before this one (RFC 7143 §4.2.2.2). */
  expStatSN: number;
  /** Logged out for recovery: its tasks may be reassigned (RFC 7143 §7.2.2). */
  isCleanedUp = false;
  /** Commands that came as immediate ones and are under way. */
  immediateTasks = 0;
  /** Ends the time for reassignment. */
  retainTimer: Timer | undefined;
  #heard = 0;
  /** `#heard` at the last command that came before all but a few answers had been looked at. */
  #heardAhead = Number.NEGATIVE_INFINITY;
  #drainWaiters: (() => void)[] = [];

  constructor(session: Session, options: SessionConnectionOptions) {
    this.session = session;
    this.cid = options.cid;
    this.parameters = options.parameters;
    this.sender = options.sender;
    this.control = options.control;
    this.responses = new Responses(options.sender, session.window, encodeLun(session.target.luns[0] ?? 0));
    this.sent = options.parameters.errorRecoveryLevel > 0 ? new SentPdus() : undefined;
    options.sender.retain(this.sent);
    this.expStatSN = options.sender.statSN;
    this.#requests = new ControlRequests(this, options.paths);
  }

  get window(): Pick<CommandWindow<unknown>, 'expCmdSN' | 'maxCmdSN'> {
    return this.session.window;
  }

  receive(pdu: Pdu): void {
    this.#heard += 1;
    this.expStatSN = readU32(pdu.header, EXP_STAT_SN);
    if (serialDistance(this.expStatSN, this.sender.statSN) > FEW) this.#heardAhead = this.#heard;
    this.sent?.acknowledge(this.expStatSN);
    if (this.session.fence.isUp) this.session.fence.acknowledged(this);
    if (pdu.ahs.length > 0) checkAdditionalHeaders(pdu);
    this.session.receive(pdu, this);
  }

  /** A request that is no SCSI command, in its turn. */
  request(opcode: number, pdu: Pdu): void {
    this.#requests.receive(opcode, pdu);
  }

  /** From now on the initiator takes data segments of so many bytes (RFC 7143 §13.12). */
  limitDataSegments(maxSendDataSegmentLength: number): void {
    this.parameters = { ...this.parameters, maxSendDataSegmentLength };
  }

  /** The Target Transfer Tag with which to ask for the DataACK of a task; undefined when none is to be asked for (RFC 7143 §11.7.2). */
  askDataAck(initiatorTaskTag: number): number | undefined {
    if (this.sent === undefined) return undefined;
    const targetTransferTag = this.session.newTag();
    return this.sent.askDataAck(initiatorTaskTag, targetTransferTag) ? targetTransferTag : undefined;
  }

  /** Resolves when more can be sent; undefined when it can now. */
  whenWritable(): Promise<void> | undefined {
    if (this.state === 'ended' || (this.state === 'open' && this.sender.writable)) return undefined;
    return new Promise((resolve) => this.#drainWaiters.push(resolve));
  }

  drained(): void {
    const waiters = this.#drainWaiters;
    this.#drainWaiters = [];
    for (const resolve of waiters) resolve();
  }

  /** Keeps more than a few commands under way. Now and then one of those comes alone, when all others have been answered. */
  get isDeep(): boolean {
    return this.#heard - this.#heardAhead < DEEP_FOR;
  }

  /** How many PDUs have come: unchanged between two looks means silence. */
  get heard(): number {
    return this.#heard;
  }

  /** Asks for a sign of life; false when this initiator is not known to be able to give one. */
  ping(): boolean {
    if (!this.#requests.hasSeenNop || this.state !== 'open') return false;
    this.responses.ping(this.session.newTag());
    return true;
  }

  announceShutdown(): void {
    // Not a logout request: an initiator that is told that the session was dropped comes back by itself, and finds the next server.
    this.responses.asyncMessage(AsyncEvent.sessionDropped, { parameter2: this.parameters.defaultTime2Wait });
  }

  end(reason: SessionEnd, error?: Error): Promise<void> {
    return this.session.connections.ended(this, reason, error);
  }
}

/**
 * Format errors are found as the PDU comes, while it is known which connection brought it (RFC 7143 §7.7, §11.2.1.5). What is no
 * request at all is rejected as that.
 */
function checkAdditionalHeaders({ header, ahs }: Pdu): void {
  const opcode = (header[0] ?? 0) & 0x3f;
  if (opcode === Opcode.scsiCommand) decodeAdditionalHeaders(ahs);
  else if (isRequest(opcode)) {
    throw new ProtocolError('ISCSI_AHS_MALFORMED', 'a PDU that is no SCSI Command has additional header segments');
  }
}
