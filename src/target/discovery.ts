/** A discovery session: SendTargets and Logout, nothing else (RFC 7143 §4.3, appendix C). */

import { Opcode } from '../iscsi/opcode.ts';
import type { Parameters } from '../iscsi/parameters.ts';
import {
  BasicHeader,
  LogoutRequest,
  LogoutResponseCode,
  RejectReason,
  ScsiCommand,
  TextRequest,
} from '../iscsi/pdu.ts';
import type { Pdu } from '../iscsi/pdu-reader.ts';
import { CommandWindow } from './command-window.ts';
import type { Asker, TargetDirectory } from './directory.ts';
import type { SessionEnd, SessionReference, TargetEventListener } from './event.ts';
import type { ConnectionControl, FullFeaturePhase } from './full-feature.ts';
import type { PduSender } from './pdu-sender.ts';
import { Responses } from './responses.ts';
import { TextExchange } from './text-exchange.ts';

/** One request at a time is all that discovery needs. */
const WINDOW = 4;

export interface DiscoveryOptions {
  readonly reference: SessionReference;
  readonly asker: Asker;
  readonly directory: TargetDirectory;
  readonly parameters: Parameters;
  readonly expCmdSN: number;
  readonly sender: PduSender;
  readonly control: ConnectionControl;
  readonly onEvent: TargetEventListener;
}

export class DiscoverySession implements FullFeaturePhase {
  readonly ready = true;
  readonly #options: DiscoveryOptions;
  readonly #window: CommandWindow<Pdu>;
  readonly #responses: Responses;
  readonly #text: TextExchange;
  /** Bytes of a data segment that the initiator takes. */
  #maxSendDataSegmentLength: number;
  #closing = false;

  constructor(options: DiscoveryOptions) {
    const { asker, directory, parameters } = options;
    this.#options = options;
    this.#maxSendDataSegmentLength = parameters.maxSendDataSegmentLength;
    this.#window = new CommandWindow(options.expCmdSN, WINDOW);
    this.#responses = new Responses(options.sender, this.#window);
    this.#text = new TextExchange(
      async (which) => {
        const names = await directory.names(asker);
        // An empty value names the session's own target, which discovery has not (RFC 7143 appendix C).
        if (which === '') return undefined;
        return which === 'All' ? names : names.filter((name) => name === which);
      },
      asker.local,
      () => this.#maxSendDataSegmentLength,
    );
  }

  receive(pdu: Pdu): void {
    const header = BasicHeader.view(pdu.header);
    if (!header.immediate) {
      if (this.#window.arrive(ScsiCommand.view(pdu.header).cmdSN, pdu) !== 'due') return;
      this.#window.release();
    }
    if (header.opcode === Opcode.textRequest && pdu.dataDigestOk) void this.#textRequest(pdu);
    else if (header.opcode === Opcode.logoutRequest) this.#logout(pdu);
    else this.#responses.reject(RejectReason.protocolError, pdu.header);
  }

  async #textRequest(pdu: Pdu): Promise<void> {
    const header = TextRequest.view(pdu.header);
    const answer = await this.#text.receive(header, pdu).catch(() => undefined);
    if (this.#closing) return;
    if (answer === undefined) {
      this.#text.reset();
      this.#responses.reject(RejectReason.protocolError, pdu.header);
      return;
    }
    this.#responses.text(header.initiatorTaskTag, header.lun, answer);
    this.#maxSendDataSegmentLength = answer.maxSendDataSegmentLength ?? this.#maxSendDataSegmentLength;
  }

  #logout(pdu: Pdu): void {
    this.#responses.logout(LogoutRequest.view(pdu.header).initiatorTaskTag, LogoutResponseCode.closed, 0, 0);
    this.#options.control.finish('logout');
  }

  drained(): void {}

  announceShutdown(): void {}

  async end(reason: SessionEnd, error?: Error): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    this.#options.onEvent({ kind: 'session ended', session: this.#options.reference, reason, error });
  }
}
