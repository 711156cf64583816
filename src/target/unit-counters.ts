/** What one logical unit has done since it was made or its counters were reset: what LOG SENSE tells. */

import type { OperationCounts, UnitCounts } from '../scsi/index.ts';

/** Plain numbers, since they are counted on the hot path; exact up to 2^53 bytes. */
class Counter {
  bytes = 0;
  uncorrectedErrors = 0;

  reset(): void {
    this.bytes = 0;
    this.uncorrectedErrors = 0;
  }

  read(): OperationCounts {
    return { bytes: BigInt(this.bytes), uncorrectedErrors: BigInt(this.uncorrectedErrors) };
  }
}

export class UnitCounters {
  readonly read = new Counter();
  readonly write = new Counter();
  readonly verify = new Counter();

  reset(): void {
    for (const counter of [this.read, this.write, this.verify]) counter.reset();
  }

  counts(): UnitCounts {
    return { read: this.read.read(), write: this.write.read(), verify: this.verify.read() };
  }
}
