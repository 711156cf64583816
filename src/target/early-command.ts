/**
 * A command that came before its turn, with the unsolicited data that followed it on its connection: that is not sent again
 * (RFC 7143 §4.2.2.1, §4.2.5.2).
 */

import { inOnePiece, ProtocolError, readU32 } from '../bytes/index.ts';
import type { Pdu } from '../iscsi/pdu-reader.ts';
import type { SessionConnection } from './session-connection.ts';

/** Byte offset of the Initiator Task Tag in every PDU. */
const INITIATOR_TASK_TAG = 16;

/** What is kept beside FirstBurstLength bytes of data, when they come in more PDUs than makes sense. */
const ALLOWANCE = 65_536;

export class EarlyCommand {
  readonly pdu: Pdu;
  readonly connection: SessionConnection;
  readonly data: Pdu[] = [];
  #room: number;

  constructor(pdu: Pdu, connection: SessionConnection) {
    this.pdu = pdu;
    this.connection = connection;
    this.#room = connection.parameters.firstBurstLength + ALLOWANCE;
  }

  get opcode(): number {
    return (this.pdu.header[0] ?? 0) & 0x3f;
  }

  /** Whether a Data-Out that came on `connection` is one of its own. */
  owns({ header }: Pdu, connection: SessionConnection): boolean {
    return (
      connection === this.connection &&
      readU32(header, INITIATOR_TASK_TAG) === readU32(this.pdu.header, INITIATOR_TASK_TAG)
    );
  }

  /**
   * Keeps a Data-Out, as a copy: it would hold the whole chunk of the stream that it came in. Raises ISCSI_PDU_FORMAT where there is
   * more of it than may come unasked.
   */
  keep(pdu: Pdu): void {
    this.#room -= pdu.header.length + pdu.dataLength;
    if (this.#room < 0) {
      throw new ProtocolError('ISCSI_PDU_FORMAT', 'more unsolicited data than FirstBurstLength comes for one command');
    }
    const data = pdu.dataLength === 0 ? [] : [Uint8Array.from(inOnePiece(pdu.data))];
    this.data.push({ ...pdu, header: Uint8Array.from(pdu.header), data });
  }
}
