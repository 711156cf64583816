/**
 * Addresses that end with their lease also where nobody is left to take them back: the kernel is told until when it has them, and told
 * anew whenever the lease is prolonged. (Those that it has by what routers advertise it ends by itself.)
 */

import type { Ipv4Address, Ipv6Address } from '../bytes/index.ts';
import type { DhcpLease } from '../dhcp/client/lease.ts';
import type { Clock } from '../os/clock.ts';
import type { MachineNetwork, SetAddress } from '../os/machine-network.ts';
import type { Dhcp6Answer } from './held-dhcp6.ts';
import type { StageTrace } from './trace.ts';

/** Milliseconds of `Clock.monotonic`; Infinity for ever. */
export interface AddressTimes {
  /** Not for new connections after that. */
  readonly preferredUntil: number;
  readonly validUntil: number;
}

export function timesOfDhcp({ expiresAt }: DhcpLease): AddressTimes {
  return { preferredUntil: expiresAt, validUntil: expiresAt };
}

export function timesOfDhcp6(answer: Dhcp6Answer, address: Ipv4Address | Ipv6Address): AddressTimes | undefined {
  return answer.kind === 'lease' ? answer.lease.addresses.find((each) => each.address === address) : undefined;
}

export interface Prolonged<Answer> {
  /** What the server said last. */
  readonly latest: Answer | undefined;
  /** Tells of what it says next, until the result is disposed of. */
  onAnswer(listener: () => void): Disposable;
}

export interface Lease<Answer> {
  readonly held: Prolonged<Answer>;
  /** Undefined where an answer says nothing of the address. */
  readonly timesOf: (answer: Answer, address: Ipv4Address | Ipv6Address) => AddressTimes | undefined;
  readonly clock: Clock;
  readonly trace: StageTrace;
}

/** The machine, whose addresses are the lease's. Where the kernel cannot be told, that is said, and the boot goes on. */
export function underLease<Answer>(machine: MachineNetwork, lease: Lease<Answer>): MachineNetwork {
  return {
    ...machine,
    async addAddress(name, address, prefix) {
      const set = await machine.addAddress(name, address, prefix);
      const limit = () => limitByLease(set, address, lease);
      let limiting = limit();
      const listening = lease.held.onAnswer(() => {
        limiting = limiting.then(limit);
      });
      await limiting;
      return {
        ...set,
        async [Symbol.asyncDispose]() {
          listening[Symbol.dispose]();
          // A change that comes after the removal would set the address again.
          await limiting;
          await set[Symbol.asyncDispose]();
        },
      };
    },
  };
}

async function limitByLease<Answer>(
  set: SetAddress,
  address: Ipv4Address | Ipv6Address,
  { held: { latest }, timesOf, clock, trace }: Lease<Answer>,
): Promise<void> {
  const times = latest === undefined ? undefined : timesOf(latest, address);
  if (times === undefined) return;
  const secondsUntil = (time: number): number => Math.ceil((time - clock.monotonic()) / 1000);
  try {
    await set.limit({
      valid: Math.max(1, secondsUntil(times.validUntil)),
      preferred: Math.max(0, secondsUntil(times.preferredUntil)),
    });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    trace.step(`the kernel does not know when the lease of ${address} ends: ${reason}`);
  }
}
