/** A discovery session: SendTargets and Logout, nothing else (RFC 7143 §4.3, appendix C). */

import { ProtocolError, serialAdd } from '../bytes/index.ts';
import { Opcode } from '../iscsi/opcode.ts';
import type { Parameters } from '../iscsi/parameters.ts';
import {
  LogoutReason,
  LogoutRequest,
  LogoutResponseCode,
  RejectReason,
  ScsiCommand,
  TextRequest,
} from '../iscsi/pdu.ts';
import type { Pdu } from '../iscsi/pdu-reader.ts';
import type { Endpoint } from '../os/network.ts';
import { CommandWindow } from './command-window.ts';
import type { Asker, TargetDirectory } from './directory.ts';
import type { SessionEnd, SessionReference, TargetEventListener } from './event.ts';
import type { ConnectionControl, FullFeaturePhase } from './full-feature.ts';
import type { PduSender } from './pdu-sender.ts';
import { formatError } from './request-format.ts';
import { Responses } from './responses.ts';
import { TextExchange } from './text-exchange.ts';

/** One request at a time is all that discovery needs. */
const WINDOW = 4;

/** Immediate requests that may wait for the directory at a time. More are rejected (RFC 7143 §4.2.2.1). */
const IMMEDIATE_LIMIT = 4;

export interface DiscoveryOptions {
  readonly reference: SessionReference;
  readonly asker: Asker;
  readonly directory: TargetDirectory;
  /** Where the asker can reach the targets, here first. */
  readonly paths: () => readonly Endpoint[];
  readonly parameters: Parameters;
  readonly expCmdSN: number;
  readonly sender: PduSender;
  readonly control: ConnectionControl;
  readonly onEvent: TargetEventListener;
  readonly onEnded: (session: DiscoverySession) => void;
}

export class DiscoverySession implements FullFeaturePhase {
  readonly #options: DiscoveryOptions;
  readonly #window: CommandWindow<Pdu>;
  readonly #responses: Responses;
  readonly #text: TextExchange;
  #immediateUnderWay = 0;
  #closing = false;

  constructor(options: DiscoveryOptions) {
    const { parameters } = options;
    this.#options = options;
    this.#window = new CommandWindow(options.expCmdSN, WINDOW);
    this.#responses = new Responses(options.sender, this.#window);
    this.#text = new TextExchange({
      listTargets: (which) => this.#listTargets(which),
      paths: options.paths,
      maxSendDataSegmentLength: () => parameters.maxSendDataSegmentLength,
      onlySendTargets: true,
    });
  }

  async #listTargets(which: string): Promise<readonly string[] | undefined> {
    const { directory, asker } = this.#options;
    const names = await directory.names(asker);
    // An empty value names the session's own target, which discovery has not (RFC 7143 appendix C).
    if (which === '') return undefined;
    return which === 'All' ? names : names.filter((name) => name === which);
  }

  /** One request at a time. */
  get isDeep(): boolean {
    return false;
  }

  /** Raises ISCSI_DATA_DIGEST, ISCSI_PDU_FORMAT for what ends the session. */
  receive(pdu: Pdu): void {
    const opcode = (pdu.header[0] ?? 0) & 0x3f;
    if (!pdu.dataDigestOk) {
      this.#responses.reject(RejectReason.dataDigestError, pdu);
      throw new ProtocolError('ISCSI_DATA_DIGEST', 'the data digest of a PDU does not match its data');
    }
    // RFC 7143 §4.3: all other requests are rejected, and a number that is rejected does not count (§7.3).
    if (opcode !== Opcode.textRequest && opcode !== Opcode.logoutRequest) {
      this.#responses.reject(RejectReason.protocolError, pdu);
      return;
    }
    const fault = formatError(opcode, pdu.header);
    if (fault !== undefined) {
      this.#responses.reject(RejectReason.protocolError, pdu);
      throw new ProtocolError('ISCSI_PDU_FORMAT', fault);
    }
    const header = ScsiCommand.view(pdu.header);
    if (!header.immediate && this.#window.arrive(header.cmdSN, pdu) !== 'due') return;
    this.#deliver(opcode, pdu);
    for (let next = this.#window.nextEarly(); next !== undefined; next = this.#window.nextEarly()) {
      this.#deliver((next.header[0] ?? 0) & 0x3f, next);
    }
  }

  #deliver(opcode: number, pdu: Pdu): void {
    if (opcode === Opcode.logoutRequest) this.#logout(pdu);
    else void this.#textRequest(pdu);
  }

  async #textRequest(pdu: Pdu): Promise<void> {
    const header = TextRequest.view(pdu.header);
    if (header.immediate && this.#immediateUnderWay >= IMMEDIATE_LIMIT) {
      this.#responses.reject(RejectReason.immediateCommandReject, pdu);
      return;
    }
    if (header.immediate) this.#immediateUnderWay += 1;
    const answer = await this.#text.receive(header, pdu);
    if (header.immediate) this.#immediateUnderWay -= 1;
    else if (answer !== undefined) this.#window.release();
    if (this.#closing) return;
    if (answer === undefined) {
      this.#refuse(header, pdu);
      return;
    }
    this.#responses.text(header.initiatorTaskTag, header.lun, answer);
  }

  /** RFC 7143 §4.3: "close the session" is the only reason. */
  #logout(pdu: Pdu): void {
    const { initiatorTaskTag, reason, immediate, cmdSN } = LogoutRequest.view(pdu.header);
    if (reason !== LogoutReason.closeSession) {
      this.#refuse({ immediate, cmdSN }, pdu);
      return;
    }
    this.#responses.logout(initiatorTaskTag, LogoutResponseCode.closed, 0, 0);
    this.#options.control.finish('logout');
  }

  /**
   * The number of what is rejected counts as never received (RFC 7143 §7.3), unless one behind it has been delivered meanwhile: what is
   * acknowledged has no holes (§4.2.2.1).
   */
  #refuse({ immediate, cmdSN }: Pick<TextRequest, 'immediate' | 'cmdSN'>, pdu: Pdu): void {
    if (!immediate) {
      if (this.#window.expCmdSN === serialAdd(cmdSN, 1)) this.#window.retract(cmdSN);
      else this.#window.release();
    }
    this.#responses.reject(RejectReason.protocolError, pdu);
  }

  /** The same initiator port has logged in again. */
  giveWay(): void {
    this.#options.control.drop('reinstated');
  }

  drained(): void {}

  announceShutdown(): void {}

  async end(reason: SessionEnd, error?: Error): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    this.#options.onEnded(this);
    this.#options.onEvent({ kind: 'session ended', session: this.#options.reference, reason, error });
  }
}
