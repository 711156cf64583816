/**
 * Whether somebody is at an address already, as RFC 2131 §2.2 wants it asked before the address is given to somebody new: machines
 * with fixed addresses, or with leases of a server that was here before.
 *
 * An ICMP echo needs rights that the server may not have, and hosts may not answer it. Whoever has an address must answer ARP: a
 * datagram that is sent there makes the kernel ask, and its table tells whether there was an answer. That works on the server's own
 * link only; what is behind a relay agent cannot be asked.
 */

import { type Ipv4Address, type Ipv4Subnet, ipv4InSubnet, type MacAddress } from '../bytes/index.ts';
import { type Clock, pause } from '../os/clock.ts';
import type { NeighbourTable } from '../os/neighbours.ts';
import type { Network, UdpSocket } from '../os/network.ts';

export interface AddressProbeOptions {
  /** Its name. */
  readonly interface: string;
  readonly subnet: Ipv4Subnet;
  readonly network: Network;
  readonly clock: Clock;
  readonly neighbours: NeighbourTable;
  /** Milliseconds after which nobody will answer any more. */
  readonly wait: number;
}

/** The discard protocol (RFC 863): whoever has the address need not answer the datagram itself. */
const DISCARD = 9;
/** Milliseconds until the table is looked at, and twice as long each time: hosts answer at once or, asleep, much later. */
const FIRST_LOOK = 8;
/**
 * At once. A whole classroom of new machines is within it; of a flood that goes beyond, the kernel's table must not be filled, and
 * addresses are given without asking.
 */
const MOST = 64;

export class AddressProbe implements AsyncDisposable {
  readonly #options: AddressProbeOptions;
  readonly #socket: UdpSocket;
  readonly #asked = new Map<Ipv4Address, Promise<MacAddress | undefined>>();
  readonly #closed = new AbortController();

  private constructor(options: AddressProbeOptions, socket: UdpSocket) {
    this.#options = options;
    this.#socket = socket;
  }

  /** Raises NETWORK_..., OS_CALLS_UNAVAILABLE. */
  static async open(options: AddressProbeOptions): Promise<AddressProbe> {
    const socket = await options.network.openUdp({ interface: options.interface, port: 0 });
    // An address that cannot be reached has nobody.
    socket.start({ message: () => {}, error: () => {} });
    return new AddressProbe(options, socket);
  }

  /** Who is at the address, or nobody; undefined at once where it cannot be asked. Two who ask at a time ask once. */
  ask(address: Ipv4Address): Promise<MacAddress | undefined> | undefined {
    const { interface: name, subnet, neighbours } = this.#options;
    const under = this.#asked.get(address);
    if (under !== undefined) return under;
    if (this.#asked.size >= MOST || !ipv4InSubnet(address, subnet)) return undefined;
    // What was heard long ago says nothing of today.
    if (!neighbours.forget(name, address)) return undefined;
    const asked = this.#find(address).finally(() => {
      this.#asked.delete(address);
      // The kernel would go on asking for seconds.
      neighbours.forget(name, address);
    });
    this.#asked.set(address, asked);
    return asked;
  }

  async #find(address: Ipv4Address): Promise<MacAddress | undefined> {
    const { interface: name, clock, neighbours, wait } = this.#options;
    const end = clock.monotonic() + wait;
    this.#socket.send(new Uint8Array(0), { address, port: DISCARD });
    for (let delay = FIRST_LOOK; !this.#closed.signal.aborted; delay *= 2) {
      await pause(clock, Math.min(delay, Math.max(1, end - clock.monotonic())), this.#closed.signal);
      const holder = neighbours.at(name, address);
      if (holder !== undefined || clock.monotonic() >= end) return holder;
    }
    return undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort();
    await Promise.all(this.#asked.values());
    await this.#socket.close();
  }
}
