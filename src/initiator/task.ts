/** One SCSI command on its way: the Data-In that has come, the R2Ts answered, and who waits for the result (RFC 7143 §4.2.5). */

import { ProtocolError, serialAdd } from '../bytes/index.ts';
import type { DataIn, ReadyToTransfer, ScsiResponse } from '../iscsi/pdu.ts';
import { ScsiResponseCode } from '../iscsi/pdu.ts';
import type { Pdu } from '../iscsi/pdu-reader.ts';
import { Status } from '../scsi/status.ts';
import { type ScsiRequest, type ScsiResult, senseOf } from './scsi-request.ts';

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
  readonly #resolve: (result: ScsiResult) => void;
  readonly #reject: (error: Error) => void;
  #whenEnded: (() => void) | undefined;
  readonly #data: Uint8Array[] = [];
  #dataLength = 0;
  /** Data-In and R2T PDUs of a command share one numbering per kind (RFC 7143 §11.7.5, §11.8.3). */
  #dataSN = 0;
  #r2tSN = 0;

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
    if (pdu.dataLength > 0) {
      if (header.bufferOffset !== this.#dataLength || header.dataSN !== this.#dataSN) {
        throw new ProtocolError(
          'ISCSI_DATA_IN_ORDER',
          `Data-In ${header.dataSN} at offset ${header.bufferOffset} came where ${this.#dataSN} at ${this.#dataLength} was due`,
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

  /** The range that an R2T asks for has to lie in the data. Raises ISCSI_R2T_RANGE. */
  checkReadyToTransfer(header: ReadyToTransfer, maxBurstLength: number): void {
    const { bufferOffset: offset, desiredDataTransferLength: length } = header;
    const inRange = length > 0 && length <= maxBurstLength && offset + length <= this.writeLength;
    if (!inRange || header.r2tSN !== this.#r2tSN) {
      throw new ProtocolError(
        'ISCSI_R2T_RANGE',
        `R2T ${header.r2tSN} asks for ${length} bytes at ${offset} of a write of ${this.writeLength}`,
      );
    }
    this.#r2tSN = serialAdd(this.#r2tSN, 1);
  }

  /** Ends the task with the status that came with the last Data-In: a status without sense (RFC 7143 §11.7.3). */
  completeWithData(header: DataIn): void {
    this.#resolve({ status: header.status, data: this.#data, dataLength: this.#dataLength });
    this.#whenEnded?.();
  }

  /** Ends the task with the target's response. */
  complete(pdu: Pdu, header: ScsiResponse): void {
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
    const sense = header.status === Status.checkCondition ? senseOf(pdu.data) : undefined;
    this.#resolve({
      status: header.status,
      data: this.#data,
      dataLength: this.#dataLength,
      ...(sense === undefined ? {} : { sense }),
    });
    this.#whenEnded?.();
  }

  fail(error: Error): void {
    this.#reject(error);
    this.#whenEnded?.();
  }
}
