/** A unit that a copy reads or writes, as the nexus whose command it is may use it. */

import type { Awaitable } from '../../block/device.ts';
import type { MediumRange } from '../exclusive-ranges.ts';
import type { MediumChanges, ReadableDevice } from '../medium-changes.ts';

export interface CopyUnit {
  readonly device: ReadableDevice;
  readonly changes: Pick<MediumChanges, 'write' | 'writeZeroes'>;
  readonly writeProtected: boolean;
  /** Whether reservations let the nexus read, or write, the unit. */
  admits(access: 'read' | 'write'): boolean;
  /** Runs `work` when every earlier change of the range is over, and before every later one. */
  exclusively<T>(range: MediumRange, work: () => Awaitable<T>): Promise<T>;
}
