/** Name servers that routers advertise (RFC 8106), where DHCPv6 names none: heard on one interface for as long as a boot looks for its disk. */

import { DisklessError, type Ipv6Address, ipv6FromBytes, ipv6Scope, readU32 } from '../bytes/index.ts';
import type { Clock } from '../os/clock.ts';
import { ALL_NODES, type HeardIcmpv6, NEVER_FORWARDED, ROUTER_ADVERTISEMENT_TYPE } from '../os/icmpv6-socket.ts';
import type { MachineNetwork } from '../os/machine-network.ts';
import type { NetworkInterface } from '../os/network.ts';
import { solicitUntil } from './router-solicitation.ts';
import type { StageTrace } from './trace.ts';

/** RFC 4861 §4.2. */
const HEADER_LENGTH = 16;
/** RFC 8106 §5.1: type, length, reserved, lifetime; then addresses. */
const RDNSS_TYPE = 25;
const RDNSS_HEADER_LENGTH = 8;
const ADDRESS_LENGTH = 16;

/** RFC 8106 §5.3.1: three are enough for anybody, and more would be an attack. */
const MOST = 8;

/** Milliseconds: routers that three solicitations (RFC 4861 §10) do not bring to name one have none to name. */
const LONGEST_WAIT = 12_000;

interface Named {
  readonly address: Ipv6Address;
  /** Seconds; 0: not to be asked any more. */
  readonly lifetime: number;
}

/** What one message says, in its order. None of what is no valid advertisement (RFC 4861 §6.1.2). */
export function nameServersIn({ message, source, hopLimit }: HeardIcmpv6): readonly Named[] {
  const isValid =
    hopLimit === NEVER_FORWARDED &&
    ipv6Scope(source) === 'link-local' &&
    message.length >= HEADER_LENGTH &&
    message[0] === ROUTER_ADVERTISEMENT_TYPE &&
    message[1] === 0;
  if (!isValid) return [];
  const named: Named[] = [];
  for (let at = HEADER_LENGTH; at < message.length; ) {
    const length = 8 * (message[at + 1] ?? 0);
    if (length === 0 || at + length > message.length) return [];
    if (message[at] === RDNSS_TYPE && length >= RDNSS_HEADER_LENGTH) named.push(...read(message, at, length));
    at += length;
  }
  return named;
}

function read(message: Uint8Array, at: number, length: number): Named[] {
  const lifetime = readU32(message, at + 4);
  const count = Math.floor((length - RDNSS_HEADER_LENGTH) / ADDRESS_LENGTH);
  return Array.from({ length: count }, (_, index) => {
    return { address: ipv6FromBytes(message, at + RDNSS_HEADER_LENGTH + index * ADDRESS_LENGTH), lifetime };
  });
}

export interface RouterNameServersOptions {
  readonly interface: NetworkInterface;
  readonly machine: Pick<MachineNetwork, 'hearIcmpv6' | 'sendIcmpv6'>;
  readonly clock: Clock;
  /** Gives [0, 1). */
  readonly random: () => number;
  readonly signal: AbortSignal;
}

export class RouterNameServers implements Disposable {
  readonly #options: RouterNameServersOptions;
  readonly #known = new Set<Ipv6Address>();
  readonly #hearing: Disposable | undefined;

  /** Hears until it is disposed of. A machine that cannot hear goes on without. Raises OS_CALLS_UNAVAILABLE. */
  constructor(options: RouterNameServersOptions, trace: StageTrace) {
    const { machine, interface: chosen } = options;
    this.#options = options;
    const wanted = { interface: chosen.name, type: ROUTER_ADVERTISEMENT_TYPE, group: ALL_NODES };
    try {
      this.#hearing = machine.hearIcmpv6(wanted, (heard) => this.#hear(heard));
    } catch (error) {
      if (!(error instanceof DisklessError) || !error.code.startsWith('NETWORK_')) throw error;
      trace.step(`what routers say of name servers is not heard: ${error.message}`);
    }
  }

  get addresses(): readonly Ipv6Address[] {
    return [...this.#known];
  }

  /** Asks routers, unless they have spoken already, until one has named a name server; `timeout` (milliseconds) may end that before. Raises the signal's reason. */
  async find(timeout: number, trace: StageTrace): Promise<void> {
    const isFound = async () => this.#known.size > 0;
    if (this.#hearing === undefined) return;
    if (this.#known.size === 0) {
      trace.step('no name server is known yet: waiting for a router to advertise one');
      await solicitUntil({ ...this.#options, timeout: Math.min(timeout, LONGEST_WAIT) }, isFound, trace);
    }
    const found = this.addresses.join(', ');
    trace.step(found === '' ? 'no router names a name server' : `a router names the name server ${found}`);
  }

  #hear(heard: HeardIcmpv6): void {
    for (const { address, lifetime } of nameServersIn(heard)) {
      // What asks name servers here has no place for the interface of a link-local one.
      if (lifetime === 0 || ipv6Scope(address) === 'link-local') this.#known.delete(address);
      else if (this.#known.size < MOST) this.#known.add(address);
    }
  }

  [Symbol.dispose](): void {
    this.#hearing?.[Symbol.dispose]();
  }
}
