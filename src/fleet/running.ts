/** Which machines may be running from their disks, whether they are connected or not. */

import type { MacAddress } from '../bytes/index.ts';

/** What is known of a machine here outlives the machine's record: a system does not end by being forgotten. */
export interface RunningMachines {
  has(hardwareAddress: MacAddress): boolean;
  /** It has logged in. Durable within a moment. */
  add(hardwareAddress: MacAddress): void;
  /** It starts again, has logged out, or is switched off. */
  remove(hardwareAddress: MacAddress): void;
}
