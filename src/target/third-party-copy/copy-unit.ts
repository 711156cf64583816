/** A unit that a copy reads or writes, as the nexus whose command it is may use it. */

import type { Awaitable } from '../../block/device.ts';
import { AdditionalSense } from '../../scsi/additional-sense.ts';
import { SenseKey } from '../../scsi/sense.ts';
import type { MediumRange } from '../exclusive-ranges.ts';
import type { MediumChanges, ReadableDevice } from '../medium-changes.ts';
import { checkCondition } from '../outcome.ts';

/** A unit that a copy uses has failed it. */
export const THIRD_PARTY_DEVICE_FAILURE = checkCondition(SenseKey.copyAborted, AdditionalSense.thirdPartyDeviceFailure);

export interface CopyUnit {
  readonly device: ReadableDevice;
  readonly changes: Pick<MediumChanges, 'write' | 'writeZeroes'>;
  readonly writeProtected: boolean;
  /** Whether reservations let the nexus read, or write, the unit. */
  admits(access: 'read' | 'write'): boolean;
  /** False when the medium has become another one since the copy's command came: formatted, sanitized, ejected. */
  isSameMedium(): boolean;
  /** Runs `work` when every earlier change of the range is over, and before every later one. */
  exclusively<T>(range: MediumRange, work: () => Awaitable<T>): Promise<T>;
}
