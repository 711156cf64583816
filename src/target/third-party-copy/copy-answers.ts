/** What initiators are told of a copy: by COPY STATUS, RECEIVE COPY STATUS(LID4) and RECEIVE ROD TOKEN INFORMATION. */

import { encodeSense, type SenseFormat } from '../../scsi/sense.ts';
import {
  type CopyOperation,
  CopyOperationStatus,
  TransferCountUnits,
} from '../../scsi/third-party-copy/copy-operation.ts';
import { CopyManagerStatus, type CopyStatus } from '../../scsi/third-party-copy/copy-results.ts';
import type { CopyRecord } from './copy-record.ts';

export function copyStatus(record: CopyRecord): CopyStatus {
  const { segmentsProcessed, transferred, outcome, succeeded } = record;
  const ended = succeeded ? CopyManagerStatus.completed : CopyManagerStatus.failed;
  return {
    copyManagerStatus: outcome === undefined ? CopyManagerStatus.inProgress : ended,
    segmentsProcessed,
    transferred,
  };
}

export function copyOperation(record: CopyRecord, format: SenseFormat): CopyOperation {
  const { serviceAction, operations, segmentsProcessed, transferred, countedIn, outcome } = record;
  return {
    serviceAction,
    status: operationStatus(record),
    operations,
    completionStatus: outcome?.status ?? 0,
    sense: outcome?.sense === undefined ? new Uint8Array(0) : encodeSense(outcome.sense, format),
    transferCountUnits: countedIn === 1 ? TransferCountUnits.bytes : TransferCountUnits.blocks,
    transferCount: Math.floor(transferred / countedIn),
    segmentsProcessed,
  };
}

function operationStatus({ outcome, succeeded, aborted, isInBackground }: CopyRecord): number {
  if (outcome === undefined)
    return isInBackground ? CopyOperationStatus.inBackground : CopyOperationStatus.inForeground;
  if (succeeded) return CopyOperationStatus.completed;
  return aborted ? CopyOperationStatus.terminated : CopyOperationStatus.failed;
}
