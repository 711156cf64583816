/** Router Solicitation (RFC 4861 §4.1): a host asks the routers of its link for what they would otherwise say minutes later. */

import { type MacAddress, macToBytes } from '../bytes/index.ts';
import {
  dueAt,
  firstTransmission,
  nextTransmission,
  type Retransmission,
  type Transmission,
} from '../dhcp6/client/retransmission.ts';
import { type Clock, pause } from '../os/clock.ts';
import { ALL_ROUTERS, ROUTER_SOLICITATION_TYPE, SOURCE_LINK_LAYER_ADDRESS_TYPE } from '../os/icmpv6-socket.ts';
import type { MachineNetwork } from '../os/machine-network.ts';
import type { NetworkInterface } from '../os/network.ts';
import type { StageTrace } from './trace.ts';

const HEADER_LENGTH = 8;
/** With its length in units of eight bytes. */
const SOURCE_LINK_LAYER_ADDRESS = [SOURCE_LINK_LAYER_ADDRESS_TYPE, 1] as const;

/** Of a host that has an address of the link already. The kernel fills in the checksum. */
export function routerSolicitation(mac: MacAddress): Uint8Array {
  const header = new Uint8Array(HEADER_LENGTH);
  header[0] = ROUTER_SOLICITATION_TYPE;
  return new Uint8Array([...header, ...SOURCE_LINK_LAYER_ADDRESS, ...macToBytes(mac)]);
}

export interface Soliciting {
  readonly interface: NetworkInterface;
  readonly machine: Pick<MachineNetwork, 'sendIcmpv6'>;
  readonly clock: Clock;
  /** Gives [0, 1). */
  readonly random: () => number;
  /** Milliseconds. */
  readonly timeout: number;
  readonly signal: AbortSignal;
}

/**
 * RFC 7559 §2, whose values these are, repeats solicitations as DHCPv6 its messages, and has no last one: RFC 4861 §6.3.7 gives up after
 * three, and routers may come up later.
 */
const solicitations: Retransmission = { irt: 4000, mrt: 3_600_000, mrc: 0, mrd: 0 };

/** The kernel tells nobody what it has made of an advertisement. In milliseconds. */
const LOOK_AGAIN = 50;

/** Asks routers until what they should bring is there. False when it is not in time. Raises the signal's reason. */
export async function solicitUntil(
  { interface: chosen, machine, clock, random, timeout, signal }: Soliciting,
  isThere: () => Promise<boolean>,
  trace: StageTrace,
): Promise<boolean> {
  const end = clock.monotonic() + timeout;
  const solicitation = routerSolicitation(chosen.mac);
  let sent: Transmission | undefined;
  do {
    const now = clock.monotonic();
    if (now >= end) return false;
    if (sent === undefined || now >= dueAt(sent)) {
      sent =
        sent === undefined ? firstTransmission(0, solicitations, now, random) : nextTransmission(sent, now, random);
      const isSent = machine.sendIcmpv6(chosen.name, solicitation, ALL_ROUTERS);
      trace.step(`ROUTER SOLICITATION on ${chosen.name}${isSent ? '' : ' cannot be sent'}`);
    }
    await pause(clock, Math.min(LOOK_AGAIN, end - now), signal);
    signal.throwIfAborted();
  } while (!(await isThere()));
  return true;
}
