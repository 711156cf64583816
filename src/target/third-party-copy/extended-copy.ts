/** EXTENDED COPY(LID1): the units that its parameter list names, and its segments one after the other (SPC-4). */

import { AdditionalSense } from '../../scsi/additional-sense.ts';
import type { Designator } from '../../scsi/designator.ts';
import { SenseKey } from '../../scsi/sense.ts';
import type { CopyRequest, CopyTargetDescriptor } from '../../scsi/third-party-copy/extended-copy.ts';
import { checkCondition, GOOD, type Outcome } from '../outcome.ts';
import { copyRange } from './copy-range.ts';
import type { CopyRecord } from './copy-record.ts';
import { type CopyUnit, THIRD_PARTY_DEVICE_FAILURE } from './copy-unit.ts';
import { type CopyTarget, resolveSegment } from './segment.ts';

/** Finds the unit of the target that a designator of page 83h names. */
export type CopyUnitResolver = (designator: Designator) => CopyUnit | undefined;

const NOT_REACHABLE = checkCondition(SenseKey.copyAborted, AdditionalSense.copyTargetDeviceNotReachable);
const WRONG_BLOCK_LENGTH = checkCondition(SenseKey.illegalRequest, AdditionalSense.invalidFieldInParameterList);

/** Every target has to be there before anything is copied. */
export function resolveTargets(
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

/** Raises what the devices raise. */
export async function copySegments(
  request: CopyRequest,
  targets: readonly CopyTarget[],
  own: CopyUnit,
  record: CopyRecord,
): Promise<Outcome> {
  for (const segment of request.segments) {
    const range = resolveSegment(segment, targets, own);
    if ('status' in range) return range;
    if (!(await copyRange(range, record))) return THIRD_PARTY_DEVICE_FAILURE;
    if (record.aborted) return GOOD;
    record.segmentsProcessed += 1;
  }
  return GOOD;
}
