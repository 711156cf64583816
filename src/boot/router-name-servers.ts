/** Name servers that routers advertise (RFC 8106), where DHCPv6 names none: heard on one interface for as long as a boot looks for its disk. */

import type { Ipv6Address } from '../bytes/index.ts';
import type { Clock } from '../os/clock.ts';
import type { MachineNetwork } from '../os/machine-network.ts';
import type { NetworkInterface } from '../os/network.ts';
import { FOR_EVER, hearRouterAdvertisements, type RouterAdvertisement } from './router-advertisement.ts';
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
  /** Until when each may be asked, on the clock's monotonic time. */
  readonly #known = new Map<Ipv6Address, number>();
  readonly #hearing: Disposable | undefined;

  /** Hears until it is disposed of. A machine that cannot hear goes on without. Raises OS_CALLS_UNAVAILABLE. */
  constructor(options: RouterNameServersOptions, trace: StageTrace) {
    const { machine, interface: chosen } = options;
    this.#options = options;
    this.#hearing = hearRouterAdvertisements(machine, chosen.name, (heard) => this.#hear(heard), trace);
  }

  get addresses(): readonly Ipv6Address[] {
    this.#forgetOld();
    return [...this.#known.keys()];
  }

  /** Asks routers, unless they have spoken already, until one has named a name server; `timeout` (milliseconds) may end that before. Raises the signal's reason. */
  async find(timeout: number, trace: StageTrace): Promise<void> {
    const isFound = async () => this.addresses.length > 0;
    if (this.#hearing === undefined) return;
    if (this.addresses.length === 0) {
      trace.step('no name server is known yet: waiting for a router to advertise one');
      await solicitUntil({ ...this.#options, timeout: Math.min(timeout, LONGEST_WAIT) }, isFound, trace);
    }
    const found = this.addresses.join(', ');
    trace.step(found === '' ? 'no router names a name server' : `a router names the name server ${found}`);
  }

  #hear({ nameServers }: RouterAdvertisement): void {
    const now = this.#options.clock.monotonic();
    for (const { value: address, lifetime } of nameServers) {
      this.#forgetOld();
      const until = lifetime === FOR_EVER ? Number.POSITIVE_INFINITY : now + lifetime * 1000;
      if (this.#known.has(address) || this.#known.size < MOST) this.#known.set(address, until);
    }
  }

  /** RFC 8106 §5.1: whose lifetime is over, or is said to be 0, must not be asked any more. */
  #forgetOld(): void {
    const now = this.#options.clock.monotonic();
    for (const [address, until] of this.#known) if (until <= now) this.#known.delete(address);
  }

  [Symbol.dispose](): void {
    this.#hearing?.[Symbol.dispose]();
  }
}
