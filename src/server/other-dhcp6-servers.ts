/**
 * Where other DHCPv6 servers show themselves: a client that chooses one of them, or prolongs what it has from it, names it to all
 * (RFC 8415 §16.4, §16.6), and whoever asks for an address is told by each server that has one (§18.3.9). So this one asks now and then.
 */

import { detectDhcp6Servers } from '../boot/dhcp6-detection.ts';
import { addressWithoutZone, DisklessError, type MacAddress } from '../bytes/index.ts';
import { formatDuid } from '../dhcp6/duid.ts';
import { MessageType } from '../dhcp6/message.ts';
import { Option } from '../dhcp6/option.ts';
import type { Dhcp6ServerEvent } from '../dhcp6/server/event.ts';
import { pause } from '../os/clock.ts';
import type { Network } from '../os/network.ts';
import { OtherServers, type OtherServersOptions } from './other-servers.ts';

export interface OtherDhcp6ServersOptions extends Omit<OtherServersOptions, 'protocol'> {
  /** Of the interface. */
  readonly mac: MacAddress;
  readonly network: Network;
  /** Gives [0, 1). */
  readonly random: () => number;
}

/** Milliseconds for which answers are waited for: as long as a server may take to look whether an address is free. */
const WINDOW = 5000;
/** Milliseconds between two questions. */
const PAUSE = 600_000;

export class OtherDhcp6Servers implements AsyncDisposable {
  readonly #options: OtherDhcp6ServersOptions;
  readonly #others: OtherServers;
  readonly #ended = new AbortController();
  #asking: Promise<void> = Promise.resolve();
  #isBlind = false;

  constructor(options: OtherDhcp6ServersOptions) {
    this.#options = options;
    this.#others = new OtherServers({ ...options, protocol: 'DHCPv6' });
  }

  /** What this server makes of the messages of clients. */
  observe(event: Dhcp6ServerEvent): void {
    if (event.type !== 'ignored' || event.reason !== 'other-server') return;
    const { message, client } = event;
    if (message.type !== MessageType.request && message.type !== MessageType.renew) return;
    const server = message.options.find(Option.serverIdentifier);
    if (server !== undefined) this.#others.notice(formatDuid(server), { mac: client.hardwareAddress });
  }

  /** Asks at once, and then again and again until it is disposed of. */
  start(): void {
    this.#asking = this.#askAgainAndAgain();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended.abort();
    await this.#asking;
  }

  async #askAgainAndAgain(): Promise<void> {
    const { signal } = this.#ended;
    while (!signal.aborted) {
      await this.#ask().then(
        () => this.#sees(undefined),
        (error) => this.#sees(error),
      );
      await pause(this.#options.clock, PAUSE, signal);
    }
  }

  /** The port may be another program's, such as the DHCPv6 client of this machine: it is told of once, until it is free. */
  #sees(error: unknown): void {
    if (error !== undefined && !this.#isBlind) {
      const code = error instanceof DisklessError ? error.code : 'DHCP_FAILED';
      this.#others.isBlind(code, error instanceof Error ? error.message : String(error));
    }
    this.#isBlind = error !== undefined;
  }

  async #ask(): Promise<void> {
    await detectDhcp6Servers({
      ...this.#options,
      // A client of this machine's own would miss what comes to a port that it shares. And without the echo: this machine's own servers
      // are none of the others, and need not keep an address for it.
      socket: { reuseAddress: false, multicastLoop: false },
      window: WINDOW,
      signal: this.#ended.signal,
      onServer: (server, from) => this.#others.notice(server, { address: addressWithoutZone(from.address) }),
    });
  }
}
