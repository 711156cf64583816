/** What DHCPv6 gave, from the first question to its end: a lease is renewed, and information asked for again, as long as it is held. */

import { DisklessError } from '../bytes/index.ts';
import { Dhcp6Client } from '../dhcp6/client/client.ts';
import type { Dhcp6Information, Dhcp6Lease } from '../dhcp6/client/lease.ts';
import type { Dhcp6ClientOptions } from '../dhcp6/client/options.ts';
import type { Dhcp6ClientAction } from '../dhcp6/client/state.ts';
import { Dhcp6Port } from '../dhcp6/datagram.ts';
import type { Clock } from '../os/clock.ts';
import type { Network } from '../os/network.ts';
import { ClientDriver, type Consequence } from './client-driver.ts';
import { narrate } from './dhcp6-narration.ts';
import type { StageTrace } from './trace.ts';

export interface Dhcp6Question {
  readonly network: Network;
  readonly clock: Clock;
  /** Gives [0, 1). */
  readonly random: () => number;
  /** The name of the interface. */
  readonly interface: string;
  readonly client: Dhcp6ClientOptions;
  readonly signal: AbortSignal;
}

export type Dhcp6Answer =
  | { readonly kind: 'lease'; readonly lease: Dhcp6Lease }
  | { readonly kind: 'information'; readonly information: Dhcp6Information };

/** Its `lost` is aborted with DHCP6_LEASE_LOST. */
export type HeldDhcp6 = ClientDriver<Dhcp6Client, Dhcp6ClientAction, Dhcp6Answer>;

/** Asks until a server has given what is asked for. Raises what the client fails with, NETWORK_..., ABORTED. */
export async function obtainDhcp6(
  question: Dhcp6Question,
  trace: StageTrace,
): Promise<{ readonly held: HeldDhcp6; readonly answer: Dhcp6Answer }> {
  const { network, clock, signal, interface: name } = question;
  return ClientDriver.obtain<Dhcp6Client, Dhcp6ClientAction, Dhcp6Answer>(
    {
      ...{ network, clock, signal },
      socket: { address: '::', interface: name, port: Dhcp6Port.client, reuseAddress: true },
      machine: new Dhcp6Client(question.client, question.random),
      narrate: (action) => narrate(action, name),
      consequence: (action) => consequenceOf(action, name),
    },
    trace,
  );
}

/** Somebody else has the address (RFC 8415 §18.2.8): the server is told, and asked for another one. Raises what `obtainDhcp6` does. */
export function decline(held: HeldDhcp6): Promise<Dhcp6Answer> {
  return held.ask((client, now) => client.decline(now));
}

function consequenceOf(action: Dhcp6ClientAction, interfaceName: string): Consequence<Dhcp6Answer> {
  switch (action.type) {
    case 'send':
      return { kind: 'send', ...action.datagram };
    case 'bound':
    case 'renewed':
      return { kind: 'answered', answer: { kind: 'lease', lease: action.lease } };
    case 'informed':
      return { kind: 'answered', answer: { kind: 'information', information: action.information } };
    case 'lost':
      return { kind: 'lost', error: leaseLost(action.lease, interfaceName) };
    case 'failed':
      return { kind: 'failed', error: action.error };
    default:
      return { kind: 'told' };
  }
}

function leaseLost({ addresses }: Dhcp6Lease, interfaceName: string): DisklessError {
  const names = addresses.map(({ address }) => address).join(', ');
  const what = `the lease of ${names} on ${interfaceName} is over: no server has prolonged it`;
  const hint = 'Look at the DHCPv6 server; machines that run from the network need leases that outlast its restarts.';
  return new DisklessError('DHCP6_LEASE_LOST', what, { hint });
}
