/** What a boot has around it: the machine, its network, its time. */

import type { AuthenticationKeyEntry } from '../dhcp/authentication-file.ts';
import type { InitiatorOptions } from '../initiator/initiator.ts';
import type { Timeouts } from '../initiator/timeouts.ts';
import type { Clock } from '../os/clock.ts';
import type { HttpClient } from '../os/http-client.ts';
import type { MachineNetwork } from '../os/machine-network.ts';
import type { Network } from '../os/network.ts';
import type { DiscoveryService } from './discovery-service.ts';

export interface BootEnvironment {
  readonly network: Network;
  readonly machine: MachineNetwork;
  readonly http: HttpClient;
  readonly clock: Clock;
  /** Gives [0, 1). */
  readonly random: () => number;
  /** What may be asked where no server is known. */
  readonly services: readonly DiscoveryService[];
  /** Milliseconds that the software stage may take. */
  readonly softwareTimeout: number;
  /** Milliseconds that the DHCP stage may take. */
  readonly dhcpTimeout: number;
  /** Only DHCP servers that prove one of them are believed (RFC 3118). */
  readonly dhcpKeys?: readonly AuthenticationKeyEntry[];
  /** Milliseconds that the discovery stage may take. */
  readonly discoveryTimeout: number;
  /** Milliseconds that one target may take to give its disk. */
  readonly targetTimeout: number;
  readonly timeouts?: Partial<Timeouts>;
  /** Proof of who this is, and digests to insist on. */
  readonly security?: Pick<InitiatorOptions, 'chap' | 'wishes'>;
  /** Ends the boot wherever it is. */
  readonly signal: AbortSignal;
}
