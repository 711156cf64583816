/** What an initiator asks of a normal session beside SCSI commands: pings, text, task management and logout. */

import { ProtocolError } from '../bytes/index.ts';
import { Opcode, RESERVED_TAG } from '../iscsi/opcode.ts';
import {
  BasicHeader,
  LogoutReason,
  LogoutRequest,
  LogoutResponseCode,
  NopOut,
  RejectReason,
  TextRequest,
} from '../iscsi/pdu.ts';
import type { Pdu } from '../iscsi/pdu-reader.ts';
import type { Endpoint } from '../os/network.ts';
import { takeBytes } from './buffers.ts';
import type { Responses } from './responses.ts';
import type { Session } from './session.ts';
import type { SessionConnection } from './session-connection.ts';
import { receiveSnack } from './snack.ts';
import { type TextAnswer, TextExchange } from './text-exchange.ts';

/** What became of another connection that was to be closed (RFC 7143 §11.15.1). */
const logoutResponses = {
  closed: LogoutResponseCode.closed,
  'not found': LogoutResponseCode.cidNotFound,
  timeout: LogoutResponseCode.cleanupFailed,
} as const;

export class ControlRequests {
  readonly #connection: SessionConnection;
  readonly #session: Session;
  readonly #responses: Responses;
  readonly #text: TextExchange;
  #hasSeenNop = false;

  /** `paths`: where the initiator can reach the target, here first. */
  constructor(connection: SessionConnection, paths: () => readonly Endpoint[]) {
    this.#connection = connection;
    this.#session = connection.session;
    this.#responses = connection.responses;
    const { name } = this.#session.target;
    // A normal session may ask for its own target only (RFC 7143 appendix C); "All" is answered with no more than that.
    this.#text = new TextExchange({
      listTargets: (which) => (which === '' || which === 'All' || which === name ? [name] : undefined),
      paths,
      maxSendDataSegmentLength: () => connection.parameters.maxSendDataSegmentLength,
    });
  }

  /** Whether the initiator has shown that it knows NOPs: some firmware drops a connection on which it meets a NOP-In. */
  get hasSeenNop(): boolean {
    return this.#hasSeenNop;
  }

  /** Takes a request in its turn. */
  receive(opcode: number, pdu: Pdu): void {
    switch (opcode) {
      case Opcode.nopOut:
        this.#nopOut(pdu);
        return;
      case Opcode.taskManagementRequest:
        this.#session.management.receive(pdu, this.#connection);
        return;
      case Opcode.textRequest:
        this.#textRequest(pdu);
        return;
      case Opcode.logoutRequest:
        void this.#logout(pdu);
        return;
      case Opcode.snackRequest:
        receiveSnack(this.#connection, pdu);
        return;
      case Opcode.loginRequest:
        this.#loginRequest(pdu);
        return;
    }
  }

  /** A request is over: it no longer takes a place in the window. */
  #answered(pdu: Pdu): void {
    if (!BasicHeader.view(pdu.header).immediate) this.#session.window.release();
  }

  /** The login is over: whoever sends more of it has lost its place. The PDU may have come long before its turn. */
  #loginRequest(pdu: Pdu): void {
    this.#responses.reject(RejectReason.protocolError, pdu);
    const error = new ProtocolError('ISCSI_UNEXPECTED_PDU', 'a Login Request came after the login was over');
    this.#connection.control.finish('protocol error', error);
  }

  #nopOut(pdu: Pdu): void {
    this.#hasSeenNop = true;
    this.#answered(pdu);
    const header = NopOut.view(pdu.header);
    // The answer to a ping of ours, or a mere update of ExpStatSN.
    if (header.initiatorTaskTag === RESERVED_TAG) return;
    // RFC 7143 §11.19: as much of the ping data as the initiator takes.
    this.#responses.nopIn(header, takeBytes(pdu.data, this.#connection.parameters.maxSendDataSegmentLength));
  }

  #textRequest(pdu: Pdu): void {
    const header = TextRequest.view(pdu.header);
    const answer = this.#text.receive(header, pdu);
    if (answer instanceof Promise) void answer.then((later) => this.#answerText(pdu, header, later));
    else this.#answerText(pdu, header, answer);
  }

  #answerText(pdu: Pdu, header: TextRequest, answer: TextAnswer | undefined): void {
    if (answer === undefined) {
      this.#session.refuse(pdu, this.#connection, RejectReason.protocolError);
      return;
    }
    this.#answered(pdu);
    if (this.#connection.state !== 'open') return;
    this.#responses.text(header.initiatorTaskTag, header.lun, answer);
    if (answer.maxSendDataSegmentLength !== undefined) {
      this.#connection.limitDataSegments(answer.maxSendDataSegmentLength);
    }
  }

  /** RFC 7143 §11.14, §11.15 */
  async #logout(pdu: Pdu): Promise<void> {
    this.#answered(pdu);
    const { initiatorTaskTag, reason, cid } = LogoutRequest.view(pdu.header);
    const { defaultTime2Wait, defaultTime2Retain, errorRecoveryLevel } = this.#session.parameters;
    const respond = (response: number, time2Wait = 0, time2Retain = 0): void =>
      this.#responses.logout(initiatorTaskTag, response, time2Wait, time2Retain);
    if (reason === LogoutReason.closeSession) {
      respond(LogoutResponseCode.closed);
      void this.#session.end('logout');
      return;
    }
    const other = cid === this.#connection.cid ? undefined : this.#session.connections.find(cid);
    if (reason === LogoutReason.removeConnectionForRecovery) {
      if (errorRecoveryLevel < 2) {
        respond(LogoutResponseCode.recoveryNotSupported, defaultTime2Wait);
      } else if (cid === this.#connection.cid) {
        respond(LogoutResponseCode.closed, defaultTime2Wait, defaultTime2Retain);
        this.#session.connections.removeForRecovery(this.#connection);
      } else if (other === undefined) {
        respond(LogoutResponseCode.cidNotFound);
      } else {
        this.#session.connections.removeForRecovery(other);
        respond(LogoutResponseCode.closed, defaultTime2Wait, defaultTime2Retain);
      }
    } else if (cid === this.#connection.cid) {
      respond(LogoutResponseCode.closed);
      this.#connection.control.finish('logout');
    } else {
      const result = await this.#session.connections.logOut(cid);
      if (this.#connection.state === 'open') respond(logoutResponses[result]);
    }
  }
}
