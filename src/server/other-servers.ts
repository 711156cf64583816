/**
 * Other DHCP servers on a network that this one serves in full: a client that chooses one of them says so to everybody (RFC 2131
 * §3.1, step 3). Machines would get an address there and no disk, now and then, and nobody would know why.
 */

import type { Ipv4Address } from '../bytes/index.ts';
import { MessageType, messageType } from '../dhcp/message.ts';
import { Option } from '../dhcp/option.ts';
import type { DhcpServerEvent } from '../dhcp/server/event.ts';
import type { ServerEventBody } from './events.ts';

/** A server is told of again after this long, in milliseconds. */
const AGAIN = 3_600_000;
/** Anybody can name any server; more than these are not remembered. */
const MOST_SERVERS = 32;

export class OtherServers {
  readonly #interface: string;
  readonly #emit: (event: ServerEventBody) => void;
  /** When each was last told of. */
  readonly #told = new Map<Ipv4Address, number>();

  constructor(interfaceName: string, emit: (event: ServerEventBody) => void) {
    this.#interface = interfaceName;
    this.#emit = emit;
  }

  /** `now` is in milliseconds since the Unix epoch. */
  observe(event: DhcpServerEvent, now: number): void {
    if (event.type !== 'ignored' || event.reason !== 'other-server') return;
    if (messageType(event.message) !== MessageType.request) return;
    const server = event.message.options.find(Option.serverIdentifier);
    if (server === undefined || now - (this.#told.get(server) ?? Number.NEGATIVE_INFINITY) < AGAIN) return;
    if (!this.#told.has(server) && this.#told.size >= MOST_SERVERS) return;
    this.#told.set(server, now);
    const text = `the DHCP server ${server} gives addresses on ${this.#interface} too: stop it there, or run this one with --dhcp proxy`;
    const mac = event.client.hardwareAddress;
    this.#emit({ event: 'trouble', code: 'DHCP_OTHER_SERVER', text, ...(mac === undefined ? {} : { mac }) });
  }
}
