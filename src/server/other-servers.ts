/**
 * Other servers of DHCP or of DHCPv6 on a network where this one gives addresses. Machines would get an address from them and no disk,
 * now and then, and nobody would know why.
 */

import type { MacAddress } from '../bytes/index.ts';
import type { Clock } from '../os/clock.ts';
import type { ServerEventBody } from './events.ts';

/** A server is told of again after this long, in milliseconds. */
const AGAIN = 3_600_000;
/** Anybody can name any server; more than these are not remembered. */
const MOST_SERVERS = 32;

/** What this server can be told where another is to stay. */
const remedies = { DHCP: '--dhcp proxy', DHCPv6: '--dhcp6 off' } as const;

export interface OtherServersOptions {
  readonly protocol: keyof typeof remedies;
  readonly interface: string;
  /** What servers of this machine are known by: addresses in DHCP, DUIDs in hexadecimal digits in DHCPv6. */
  readonly own: readonly string[];
  readonly clock: Clock;
  readonly emit: (event: ServerEventBody) => void;
}

/** How a server was noticed. */
export interface Notice {
  /** Where it was heard from. */
  readonly address?: string | undefined;
  /** The machine that was given an address, or chose it. */
  readonly mac?: MacAddress | undefined;
}

export class OtherServers {
  readonly #options: OtherServersOptions;
  /** When each was last told of, in milliseconds since the Unix epoch. */
  readonly #told = new Map<string, number>();

  constructor(options: OtherServersOptions) {
    this.#options = options;
  }

  /** A server, by what it is known by, gives addresses. */
  notice(server: string, { address, mac }: Notice): void {
    const { protocol, interface: name, own, clock, emit } = this.#options;
    if (own.includes(server)) return;
    const now = clock.now();
    if (now - (this.#told.get(server) ?? Number.NEGATIVE_INFINITY) < AGAIN) return;
    if (!this.#told.has(server) && this.#told.size >= MOST_SERVERS) return;
    this.#told.set(server, now);
    const who = address === undefined ? server : `${server} at ${address}`;
    const text = `the ${protocol} server ${who} gives addresses on ${name} too: stop it there, or run this one with ${remedies[protocol]}`;
    emit({ event: 'trouble', code: 'DHCP_OTHER_SERVER', text, ...(mac === undefined ? {} : { mac }) });
  }

  /** They cannot be looked for: only a client's choice tells of them. */
  isBlind(code: string, reason: string): void {
    const { protocol, interface: name, emit } = this.#options;
    const text = `other ${protocol} servers on ${name} are noticed only when a client chooses one: ${reason}`;
    emit({ event: 'trouble', code, text });
  }
}
