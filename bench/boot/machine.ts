/** A machine of the crowd, as the boot client sees it: one Ethernet interface, whose address is what DHCP gives it. */

import { type MacAddress, macFromBytes, macToBytes } from '../../src/bytes/index.ts';
import { targetNameOf } from '../../src/fleet/target-name.ts';
import type { MachineNetwork } from '../../src/os/machine-network.ts';
import type { Network, NetworkInterface, UdpHandler, UdpSocket } from '../../src/os/network.ts';
import { nodeNetwork } from '../../src/os/node-network.ts';

const TARGETS = 'iqn.2026-11.internal.diskless';

export function macOf(number: number): MacAddress {
  return macFromBytes(Uint8Array.of(0x52, 0x54, number >>> 24, number >>> 16, number >>> 8, number));
}

export function targetNameFor(mac: MacAddress): string {
  return targetNameOf(TARGETS, mac);
}

/** By this name `serve` knows a machine wherever it asks from. All machines of the crowd ask from one address. */
export function initiatorNameFor(mac: MacAddress): string {
  return targetNameOf(`${TARGETS}:initiator`, mac);
}

const CLIENT_PORT = 68;
/** Where a DHCP message has its client's Ethernet address (RFC 2131 §2). */
const CHADDR = 28;

/** The machines' port 68: one socket, and each message goes to the machine that it names. */
export class SharedPort implements AsyncDisposable {
  readonly #socket: UdpSocket;
  readonly #machines = new Map<string, UdpHandler>();

  private constructor(socket: UdpSocket) {
    this.#socket = socket;
    socket.start({
      message: (data, from) => this.#machines.get(keyOf(data.subarray(CHADDR, CHADDR + 6)))?.message(data, from),
      error: (error) => {
        throw error;
      },
    });
  }

  static async open(name: string): Promise<SharedPort> {
    return new SharedPort(await nodeNetwork.openUdp({ port: CLIENT_PORT, interface: name, broadcast: true }));
  }

  of(mac: MacAddress): UdpSocket {
    const key = keyOf(macToBytes(mac));
    const close = async () => void this.#machines.delete(key);
    return {
      local: this.#socket.local,
      start: (handler) => void this.#machines.set(key, handler),
      send: (data, to) => this.#socket.send(data, to),
      close,
      [Symbol.asyncDispose]: close,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#socket.close();
  }
}

function keyOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1');
}

const nothing: AsyncDisposable = { [Symbol.asyncDispose]: async () => {} };

/**
 * Once DHCP has given it an address, it has the one of the process: from that it connects, and asks SLP through a socket of its own.
 */
export function machineOn(
  { name, ipv4 }: NetworkInterface,
  mac: MacAddress,
  port: SharedPort,
): { network: Network; machine: MachineNetwork } {
  let addresses: NetworkInterface['ipv4'] = [];
  return {
    network: {
      ...nodeNetwork,
      interfaces: () => [{ name, mac, up: true, ipv4: addresses, ipv6: [] }],
      openUdp: async (options) => (options.port === CLIENT_PORT ? port.of(mac) : nodeNetwork.openUdp(options)),
    },
    machine: {
      bringUp: async () => nothing,
      async addAddress() {
        addresses = ipv4;
        return { ...nothing, limit: async () => {} };
      },
      addHostRoute: async () => nothing,
      setMtu: async () => nothing,
      ipv6SourceTowards: async () => undefined,
      sendIcmpv6: () => false,
      hearIcmpv6: () => ({ [Symbol.dispose]: () => {} }),
    },
  };
}
