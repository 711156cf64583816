/** A DHCP lease from the first question to its end: it is renewed as long as it is held. */

import { DisklessError } from '../bytes/index.ts';
import { DhcpClient } from '../dhcp/client/client.ts';
import type { DhcpLease } from '../dhcp/client/lease.ts';
import type { DhcpClientOptions } from '../dhcp/client/options.ts';
import type { DhcpClientAction } from '../dhcp/client/state.ts';
import { DhcpPort } from '../dhcp/datagram.ts';
import type { Clock } from '../os/clock.ts';
import type { Network } from '../os/network.ts';
import { ClientDriver, type Consequence } from './client-driver.ts';
import { narrate } from './dhcp-narration.ts';
import type { StageTrace } from './trace.ts';

export interface LeaseOptions {
  readonly network: Network;
  readonly clock: Clock;
  /** Gives [0, 1). */
  readonly random: () => number;
  /** The name of the interface. */
  readonly interface: string;
  readonly client: DhcpClientOptions;
  readonly signal: AbortSignal;
}

/** Its `lost` is aborted with DHCP_LEASE_LOST. */
export type HeldLease = ClientDriver<DhcpClient, DhcpClientAction, DhcpLease>;

/** Asks until a server has given what is asked for. Raises what the client fails with, NETWORK_..., ABORTED. */
export async function obtainLease(
  options: LeaseOptions,
  trace: StageTrace,
): Promise<{ readonly held: HeldLease; readonly lease: DhcpLease }> {
  const { network, clock, signal, interface: name } = options;
  const meaning = new Meaning(name);
  const { held, answer } = await ClientDriver.obtain<DhcpClient, DhcpClientAction, DhcpLease>(
    {
      ...{ network, clock, signal },
      socket: { interface: name, port: DhcpPort.client, broadcast: true, reuseAddress: true },
      machine: new DhcpClient(options.client, options.random),
      narrate: (action) => narrate(action, name),
      consequence: (action) => meaning.of(action),
    },
    trace,
  );
  return { held, lease: answer };
}

/** What the client's actions mean for the boot; why a lease was lost is said before. */
class Meaning {
  readonly #interface: string;
  #refusal = 'no server has renewed it';

  constructor(interfaceName: string) {
    this.#interface = interfaceName;
  }

  of(action: DhcpClientAction): Consequence<DhcpLease> {
    switch (action.type) {
      case 'send':
        return { kind: 'send', ...action.datagram };
      case 'bound':
      case 'renewed':
        return { kind: 'answered', answer: action.lease };
      case 'nak':
        this.#refusal = `${action.server} has refused to renew it: ${action.message}`;
        return { kind: 'told' };
      case 'lost':
        return { kind: 'lost', error: this.#lost(action.lease) };
      case 'failed':
        return { kind: 'failed', error: action.error };
      default:
        return { kind: 'told' };
    }
  }

  /** RFC 2131 §4.4.5: the address must not be used any more. */
  #lost({ address }: DhcpLease): DisklessError {
    const what = `the lease of ${address} on ${this.#interface} is over: ${this.#refusal}`;
    const hint = 'Look at the DHCP server; machines that run from the network need leases that outlast its restarts.';
    return new DisklessError('DHCP_LEASE_LOST', what, { hint });
  }
}
