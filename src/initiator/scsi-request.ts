/** A SCSI command as it is given to a session, and what comes back. */

import { DisklessError, inOnePiece } from '../bytes/index.ts';
import { decodeSense, type Sense, senseText } from '../scsi/sense.ts';
import { Status } from '../scsi/status.ts';

export interface ScsiRequest {
  /** Eight bytes. */
  readonly lun: Uint8Array;
  /** The command descriptor block: 6 to 260 bytes. More than 16 go into an Extended CDB AHS (RFC 7143 §11.2.2.3). */
  readonly cdb: Uint8Array;
  /** Most bytes that the command may return. */
  readonly readLength?: number;
  /** What the command sends. The buffers must stay as they are until it is done. */
  readonly write?: readonly Uint8Array[];
  /** Milliseconds; the session's own limit when not given. */
  readonly timeout?: number;
}

export interface ScsiResult {
  readonly status: number;
  /** What the command returned, in order: slices of what came off the wire. */
  readonly data: readonly Uint8Array[];
  readonly dataLength: number;
  readonly sense?: Sense;
  /** SAM-5's Status Qualifier; only from iSCSIProtocolLevel 2 on (RFC 7144 §5.2.1). */
  readonly statusQualifier?: number;
}

/** What runs SCSI commands: one session, or whichever there is (LastingSession). */
export interface CommandExecutor {
  /** Resolves with whatever status the target gives. */
  execute(request: ScsiRequest): Promise<ScsiResult>;
}

const statusNames = new Map<number, string>(
  Object.entries(Status).map(([name, code]) => [code, name.replaceAll(/[A-Z]/g, ' $&').toUpperCase()]),
);

/** A command that ended with another status than GOOD. */
export class ScsiError extends DisklessError {
  readonly status: number;
  readonly sense: Sense | undefined;

  constructor(command: string, result: ScsiResult) {
    const status = statusNames.get(result.status) ?? `status ${result.status.toString(16)}h`;
    const reason = result.sense === undefined ? status : senseText(result.sense);
    super(
      result.status === Status.reservationConflict ? 'SCSI_RESERVED' : 'SCSI_COMMAND_FAILED',
      `${command}: ${reason}`,
      {
        hint:
          result.status === Status.reservationConflict
            ? 'Another initiator has reserved the logical unit.'
            : 'The target refused or could not do the command; its own log says more.',
      },
    );
    this.status = result.status;
    this.sense = result.sense;
  }
}

/** The sense data at the start of a SCSI Response's data segment: a length of two bytes goes before it (RFC 7143 §11.4.7.2). */
export function senseOf(data: readonly Uint8Array[]): Sense | undefined {
  const segment = inOnePiece(data);
  if (segment.length < 2) return undefined;
  const length = ((segment[0] ?? 0) << 8) | (segment[1] ?? 0);
  return decodeSense(segment.subarray(2, 2 + length));
}
