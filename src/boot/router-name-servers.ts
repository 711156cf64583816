/** Name servers that routers advertise (RFC 8106), where DHCPv6 names none: heard on one interface for as long as a boot looks for its disk. */

import { type Ipv6Address, ipv6Scope } from '../bytes/index.ts';
import type { Clock } from '../os/clock.ts';
import type { MachineNetwork } from '../os/machine-network.ts';
import type { NetworkInterface } from '../os/network.ts';
import { hearRouterAdvertisements, type RouterAdvertisement } from './router-advertisement.ts';
import { solicitUntil } from './router-solicitation.ts';
import type { StageTrace } from './trace.ts';

/** RFC 8106 §5.3.1: three are enough for anybody, and more would be an attack. */
const MOST = 8;

/** Milliseconds: routers that three solicitations (RFC 4861 §10) do not bring to name one have none to name. */
const LONGEST_WAIT = 12_000;

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
    this.#hearing = hearRouterAdvertisements(machine, chosen.name, (heard) => this.#hear(heard), trace);
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

  #hear({ nameServers }: RouterAdvertisement): void {
    for (const { value: address, lifetime } of nameServers) {
      // What asks name servers here has no place for the interface of a link-local one.
      if (lifetime === 0 || ipv6Scope(address) === 'link-local') this.#known.delete(address);
      else if (this.#known.size < MOST) this.#known.add(address);
    }
  }

  [Symbol.dispose](): void {
    this.#hearing?.[Symbol.dispose]();
  }
}
