/** One SCSI command on its way: the Data-In that has come, the R2Ts answered, and who waits for the result (RFC 7143 §4.2.5). */

import { ProtocolError, serialAdd, serialLess } from '../bytes/index.ts';
import type { DataIn, ReadyToTransfer, ScsiResponse } from '../iscsi/pdu.ts';
import { ScsiResponseCode } from '../iscsi/pdu.ts';
import type { Pdu } from '../iscsi/pdu-reader.ts';
import { sameLun } from '../scsi/lun.ts';
import { Status } from '../scsi/status.ts';
import { type ScsiRequest, type ScsiResult, senseOf } from './scsi-request.ts';

/** What one R2T has asked for. */
export interface SolicitedData {
  readonly targetTransferTag: number;
  readonly bufferOffset: number;
  readonly desiredDataTransferLength: number;
}

export class Task {
  readonly kind = 'task';
  readonly request: ScsiRequest;
  readonly writeLength: number;
  readonly timeout: number;
  /** Set when the command is sent. */
  initiatorTaskTag = 0;
  cmdSN = 0;
  /** On the session's monotonic clock, in milliseconds; set when the command is sent. */
  deadline = 0;
  /** It is being ended at the target. */
  isEnding = false;
  readonly #resolve: (result: ScsiResult) => void;
  readonly #reject: (error: Error) => void;
  #whenEnded: (() => void) | undefined;
  readonly #data: Uint8Array[] = [];
  #dataLength = 0;
  /** Data-In and R2T PDUs of a command share one numbering per kind (RFC 7143 §11.7.5, §11.8.3). */
  #dataSN = 0;
  #r2tSN = 0;
  /** R2Ts that are not answered while it is open whether the task goes on; undefined as long as they are. */
  #held: SolicitedData[] | undefined;

  constructor(
    request: ScsiRequest,
    timeout: number,
    resolve: (result: ScsiResult) => void,
    reject: (error: Error) => void,
  ) {
    this.request = request;
    this.timeout = timeout;
    this.writeLength = (request.write ?? []).reduce((sum, part) => sum + part.length, 0);
    this.#resolve = resolve;
    this.#reject = reject;
  }

  /** Resolves when the task has ended, however it did. To be asked before it ends. */
  get ended(): Promise<void> {
    return new Promise((resolve) => {
      const others = this.#whenEnded;
      this.#whenEnded = () => {
        others?.();
        resolve();
      };
    });
  }

  /**
   * Keeps the data; true when it carried the status too, which ends the task. DataPDUInOrder and DataSequenceInOrder are always
   * agreed, so whatever comes continues what is there. Raises ISCSI_DATA_IN_ORDER.
   */
  receiveData(pdu: Pdu, header: DataIn): boolean {
    const expected = this.request.readLength ?? 0;
    if (header.dataSN !== this.#dataSN) {
      throw new ProtocolError('ISCSI_DATA_IN_ORDER', `Data-In ${header.dataSN} came where ${this.#dataSN} was due`);
    }
    if (pdu.dataLength > 0) {
      if (header.bufferOffset !== this.#dataLength) {
        throw new ProtocolError(
          'ISCSI_DATA_IN_ORDER',
          `Data-In for offset ${header.bufferOffset} came where ${this.#dataLength} was due`,
        );
      }
      if (this.#dataLength + pdu.dataLength > expected) {
        throw new ProtocolError('ISCSI_DATA_IN_ORDER', `more data came in than the ${expected} bytes asked for`);
      }
      for (const part of pdu.data) this.#data.push(part);
      this.#dataLength += pdu.dataLength;
    }
    this.#dataSN = serialAdd(this.#dataSN, 1);
    return header.final && header.hasStatus;
  }

  /** Whether the data that an R2T asks for is to be sent now. It has to lie in what there is. Raises ISCSI_R2T_RANGE, ISCSI_PDU_FORMAT. */
  takeReadyToTransfer(header: ReadyToTransfer, maxBurstLength: number): boolean {
    const { bufferOffset: offset, desiredDataTransferLength: length } = header;
    // RFC 7143 §4.2.5.3
    if (!sameLun(header.lun, this.request.lun)) {
      throw new ProtocolError('ISCSI_PDU_FORMAT', 'an R2T carries another LUN than its command');
    }
    const inRange = length > 0 && length <= maxBurstLength && offset + length <= this.writeLength;
    if (!inRange || header.r2tSN !== this.#r2tSN) {
      throw new ProtocolError(
        'ISCSI_R2T_RANGE',
        `R2T ${header.r2tSN} asks for ${length} bytes at ${offset} of a write of ${this.writeLength}`,
      );
    }
    this.#r2tSN = serialAdd(this.#r2tSN, 1);
    this.#held?.push({
      targetTransferTag: header.targetTransferTag,
      bufferOffset: offset,
      desiredDataTransferLength: length,
    });
    return this.#held === undefined;
  }

  /** No more data is sent (RFC 7143 §4.2.3.4 a). */
  holdData(): void {
    this.#held ??= [];
  }

  /** The task goes on: gives what it has not been sent meanwhile. */
  releaseData(): readonly SolicitedData[] {
    const held = this.#held ?? [];
    this.#held = undefined;
    return held;
  }

  /** Ends the task with the status that came with the last Data-In: a status without sense (RFC 7143 §11.7.3). */
  completeWithData(header: DataIn): void {
    this.#resolve({ status: header.status, data: this.#data, dataLength: this.#dataLength });
    this.#whenEnded?.();
  }

  /**
   * Whether a response tells of Data-In that has not come (RFC 7143 §7.9). Before RFC 7143, R2Ts were counted there as well, so that
   * nothing can be said of a WRITE.
   */
  isShortOf({ response, expDataSN }: ScsiResponse): boolean {
    return response === ScsiResponseCode.completed && this.writeLength === 0 && serialLess(this.#dataSN, expDataSN);
  }

  /** Ends the task with the target's response. With iSCSIProtocolLevel 2, sense data can come with any status (RFC 7144 §5.2.2). */
  complete(pdu: Pdu, header: ScsiResponse, protocolLevel: number): void {
    if (header.response !== ScsiResponseCode.completed) {
      this.fail(
        new ProtocolError(
          'ISCSI_TARGET_FAILURE',
          `the target could not execute a command (response ${header.response})`,
          {
            hint: "The target's own log says more.",
          },
        ),
      );
      return;
    }
    const isLater = protocolLevel >= 2;
    const sense = header.status === Status.checkCondition || isLater ? senseOf(pdu.data) : undefined;
    this.#resolve({
      status: header.status,
      data: this.#data,
      dataLength: this.#dataLength,
      ...(sense === undefined ? {} : { sense }),
      ...(isLater ? { statusQualifier: header.statusQualifier } : {}),
    });
    this.#whenEnded?.();
  }

  fail(error: Error): void {
    this.#reject(error);
    this.#whenEnded?.();
  }
}
