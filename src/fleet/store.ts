/** Everything that a boot server remembers, whatever keeps it. */

import type { BootStore } from './boot.ts';
import type { HostStore } from './host.ts';
import type { Ipv6LeaseStore } from './ipv6-lease.ts';
import type { IsnsRecordStore } from './isns-records.ts';
import type { LeaseStore } from './lease.ts';
import type { RunningMachines } from './running.ts';
import type { ServedNetworkStore } from './served-networks.ts';

export interface FleetStore extends AsyncDisposable {
  readonly hosts: HostStore;
  readonly leases: LeaseStore;
  readonly ipv6Leases: Ipv6LeaseStore;
  readonly boots: BootStore;
  readonly running: RunningMachines;
  readonly isns: IsnsRecordStore;
  readonly servedNetworks: ServedNetworkStore;
  /** Writes what is still waiting. */
  close(): Promise<void>;
}
