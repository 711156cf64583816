/**
 * The copy manager of one logical unit (SPC-4 §5.17): EXTENDED COPY moves blocks between units of the target without the initiator's
 * network, RECEIVE COPY RESULTS tells how that goes.
 */

import { channel } from 'node:diagnostics_channel';
import { DisklessError } from '../bytes/index.ts';
import { AdditionalSense } from '../scsi/additional-sense.ts';
import type { Designator } from '../scsi/designator.ts';
import { SenseKey } from '../scsi/sense.ts';
import {
  CopyManagerStatus,
  type CopyRequest,
  type CopyTargetDescriptor,
  decodeCopyRequest,
  encodeCopyStatus,
  encodeOperatingParameters,
  ListIdUsage,
  type MalformedCopyRequest,
  ReceiveCopyAction,
  ReceiveCopyResultsCdb,
} from '../scsi/third-party-copy.ts';
import { checkCondition, GOOD, invalidFieldInCdb, type Outcome, PARAMETER_LIST_LENGTH_ERROR } from './outcome.ts';
import { type CopyRecord, CopyRecords } from './third-party-copy/copy-record.ts';
import {
  type Cancellation,
  type CopyTarget,
  type CopyUnit,
  copyRange,
  resolveSegment,
} from './third-party-copy/segment.ts';

/** Finds the unit of the target that a designator of page 83h names. */
export type CopyUnitResolver = (designator: Designator) => CopyUnit | undefined;

/** Copies that one unit has under way at a time. */
export const CONCURRENT_COPIES = 16;

const { illegalRequest, copyAborted, abortedCommand } = SenseKey;
const OPERATION_IN_PROGRESS = checkCondition(illegalRequest, AdditionalSense.operationInProgress);
const NOT_REACHABLE = checkCondition(copyAborted, AdditionalSense.copyTargetDeviceNotReachable);
const THIRD_PARTY_FAILURE = checkCondition(copyAborted, AdditionalSense.thirdPartyDeviceFailure);
const NO_SPACE = checkCondition(copyAborted, AdditionalSense.spaceAllocationFailedWriteProtect);
const WRONG_BLOCK_LENGTH = checkCondition(illegalRequest, AdditionalSense.invalidFieldInParameterList);
const ABORTED = checkCondition(abortedCommand, AdditionalSense.noAdditionalSenseInformation);

/** Told `{ error }` when a device has failed in the middle of a copy. */
const deviceFailedChannel = channel('diskless:target:copy-failed');

function deviceFailure(error: unknown): Outcome {
  deviceFailedChannel.publish({ error });
  return error instanceof DisklessError && error.code === 'DEVICE_NO_SPACE' ? NO_SPACE : THIRD_PARTY_FAILURE;
}

/** `Nexus` is whatever names one session: records end with it. */
export class CopyManager<Nexus extends object> {
  readonly #records = new CopyRecords<Nexus>();
  #underWay = 0;

  /**
   * EXTENDED COPY(LID1) with its parameter list. `own` is the unit itself as the nexus may use it. Done when all is copied, or at the
   * first segment that fails; what the segments before it have copied stays. Never rejects.
   */
  async extendedCopy(
    nexus: Nexus,
    list: Uint8Array,
    own: CopyUnit,
    resolve: CopyUnitResolver,
    cancellation: Cancellation,
  ): Promise<Outcome> {
    // No parameter list is nothing to do, and no error (SPC-4 §6.4.1).
    if (list.length === 0) return GOOD;
    const request = decodeCopyRequest(list);
    if ('malformed' in request) return refusal(request);
    const { listIdentifier, listIdUsage } = request;
    if (this.#records.find(nexus, listIdentifier)?.inProgress && listIdUsage !== ListIdUsage.none) {
      return OPERATION_IN_PROGRESS;
    }
    const targets = resolveTargets(request.targets, resolve);
    if ('status' in targets) return targets;
    if (this.#underWay >= CONCURRENT_COPIES) return OPERATION_IN_PROGRESS;
    const record = listIdUsage === ListIdUsage.none ? undefined : this.#records.begin(nexus, listIdentifier);
    if (record === undefined && listIdUsage !== ListIdUsage.none) return OPERATION_IN_PROGRESS;
    this.#underWay += 1;
    const outcome = await copySegments(request, targets, own, cancellation, record).catch(deviceFailure);
    this.#underWay -= 1;
    this.#settle(nexus, request, record, outcome);
    return outcome;
  }

  /** RECEIVE COPY RESULTS: the answer, to be cut to `allocationLength`; or how the command fails. */
  receiveCopyResults(
    nexus: Nexus,
    cdb: Uint8Array,
  ): { readonly data: Uint8Array; readonly allocationLength: number } | Outcome {
    const { serviceAction, listIdentifier, allocationLength } = ReceiveCopyResultsCdb.view(cdb);
    if (serviceAction === ReceiveCopyAction.operatingParameters) {
      return { data: encodeOperatingParameters(CONCURRENT_COPIES), allocationLength };
    }
    if (serviceAction !== ReceiveCopyAction.copyStatusLid1) return invalidFieldInCdb(1);
    const record = this.#records.find(nexus, listIdentifier);
    if (record === undefined) return invalidFieldInCdb(2);
    return { data: encodeCopyStatus(record.status()), allocationLength };
  }

  /** The nexus has ended: what it could ask for ends with it. Its copies end with their tasks. */
  left(nexus: Nexus): void {
    this.#records.forgetNexus(nexus);
  }

  /** LOGICAL UNIT RESET. */
  reset(): void {
    this.#records.clear();
  }

  #settle(nexus: Nexus, request: CopyRequest, record: CopyRecord | undefined, outcome: Outcome): void {
    if (record === undefined) return;
    record.copyManagerStatus = outcome === GOOD ? CopyManagerStatus.completed : CopyManagerStatus.failed;
    const mine = this.#records.find(nexus, request.listIdentifier) === record;
    if (mine && request.listIdUsage === ListIdUsage.discard) this.#records.forget(nexus, request.listIdentifier);
  }
}

function refusal(request: MalformedCopyRequest): Outcome {
  if (request.malformed === 'length') return PARAMETER_LIST_LENGTH_ERROR;
  return checkCondition(illegalRequest, request.code, { field: { in: 'parameters', byte: request.byte } });
}

/** Every target has to be there before anything is copied. */
function resolveTargets(
  descriptors: readonly CopyTargetDescriptor[],
  resolve: CopyUnitResolver,
): readonly CopyTarget[] | Outcome {
  const targets: CopyTarget[] = [];
  for (const { designator, blockLength, pad } of descriptors) {
    const unit = resolve(designator);
    if (unit === undefined) return NOT_REACHABLE;
    // The initiator reckons in other blocks than the unit has: it would mean other data.
    if (blockLength !== 0 && blockLength !== unit.device.blockSize) return WRONG_BLOCK_LENGTH;
    targets.push({ unit, pad });
  }
  return targets;
}

async function copySegments(
  request: CopyRequest,
  targets: readonly CopyTarget[],
  own: CopyUnit,
  cancellation: Cancellation,
  record: CopyRecord | undefined,
): Promise<Outcome> {
  for (const segment of request.segments) {
    const range = resolveSegment(segment, targets, own);
    if ('status' in range) return range;
    await copyRange(range, cancellation, (bytes) => {
      if (record !== undefined) record.transferred += bytes;
    });
    if (cancellation.aborted) return ABORTED;
    if (record !== undefined) record.segmentsProcessed += 1;
  }
  return GOOD;
}
