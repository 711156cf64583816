/** The network of one machine that boots: a DHCP server that a test writes, and an iSCSI target with a disk in memory. */

import type { Device } from '../../src/block/device.ts';
import { MemoryDevice } from '../../src/block/memory-device.ts';
import { DisklessError, type Ipv4Address, type MacAddress } from '../../src/bytes/index.ts';
import {
  BootOperation,
  type DhcpMessage,
  decodeMessage,
  dhcpMessage,
  encodeMessage,
  MessageType,
  messageType,
} from '../../src/dhcp/message.ts';
import { Option } from '../../src/dhcp/option.ts';
import { OptionList } from '../../src/dhcp/option-list.ts';
import type { HttpClient } from '../../src/os/http-client.ts';
import type { MachineNetwork } from '../../src/os/machine-network.ts';
import type { NetworkInterface, UdpHandler, UdpOptions, UdpSocket } from '../../src/os/network.ts';
import { openDirectory, type TargetDirectory } from '../../src/target/directory.ts';
import { Portal } from '../../src/target/portal.ts';
import { PortalGroup } from '../../src/target/portal-group.ts';
import { Target } from '../../src/target/target.ts';
import { SimulatedClock } from '../support/simulated-clock.ts';
import { SimulatedNetwork } from '../support/simulated-tcp.ts';

export const targetName = 'iqn.2001-04.com.example:disk';
export const ip = (text: string) => text as Ipv4Address;

/** Gets each message of the client, and answers with as many as it likes. */
export type DhcpAnswers = (message: DhcpMessage) => readonly DhcpMessage[];

export class SimulatedLan extends SimulatedNetwork implements AsyncDisposable {
  readonly clock = new SimulatedClock();
  /** Options of the UDP sockets that were opened, and how many of them are open still. */
  readonly udpSockets: UdpOptions[] = [];
  openSockets = 0;
  /** What was set on the machine, in order: `+` set, `-` taken back. */
  readonly settings: string[] = [];
  /** What the kernel was told of how long it has its addresses, in order. */
  readonly limits: string[] = [];
  #interfaces: readonly NetworkInterface[];
  readonly #dhcp: DhcpAnswers;
  readonly #portals = new AsyncDisposableStack();

  constructor(dhcp: DhcpAnswers, interfaces: readonly NetworkInterface[] = [bareInterface]) {
    super();
    this.#dhcp = dhcp;
    this.#interfaces = interfaces;
  }

  /** Serves a disk at LUN 0 of `targetName`, at 192.0.2.1. */
  async serve(device: Device = new MemoryDevice(1 << 20)): Promise<void> {
    const target = new Target({ name: targetName, units: new Map([[0, device]]) });
    await this.listen('192.0.2.1', openDirectory([target]));
  }

  /** Opens an iSCSI portal for as long as the network lasts; SendTargets names all of a group. */
  async listen(address: string, directory: TargetDirectory, group = new PortalGroup()): Promise<void> {
    const endpoint = { address, port: 3260 };
    this.#portals.use(await Portal.open({ network: this, endpoint, clock: this.clock, directory, group }));
  }

  override interfaces(): readonly [] {
    // The simulated network of the targets' tests has none, and says so in its type.
    return this.#interfaces as readonly [];
  }

  override async openUdp(options?: UdpOptions): Promise<never> {
    if (options !== undefined) this.udpSockets.push(options);
    this.openSockets += 1;
    let handler: UdpHandler | undefined;
    const close = async () => {
      this.openSockets -= 1;
    };
    const socket: UdpSocket = {
      local: { address: '0.0.0.0', port: options?.port ?? 0 },
      start: (given) => {
        handler = given;
      },
      send: (data) => {
        for (const answer of this.#dhcp(decodeMessage(data))) {
          setImmediate(() => handler?.message(encodeMessage(answer), { address: '192.0.2.1', port: 67 }));
        }
      },
      close,
      [Symbol.asyncDispose]: close,
    };
    return socket as never;
  }

  get machine(): MachineNetwork {
    const set = async (what: string): Promise<AsyncDisposable> => {
      this.settings.push(`+${what}`);
      return {
        [Symbol.asyncDispose]: async () => {
          this.settings.push(`-${what}`);
        },
      };
    };
    return {
      bringUp: (name) => set(`${name} up`),
      addAddress: async (name, address, prefix) => ({
        ...(await set(`${address}/${prefix} on ${name}`)),
        limit: async ({ valid, preferred }) =>
          void this.limits.push(`${address} for ${valid} s, new for ${preferred} s`),
      }),
      setMtu: async (name, mtu) => {
        if (mtu > 9000) throw new DisklessError('MACHINE_NETWORK_FAILED', `${name} cannot have an MTU of ${mtu}`);
        return set(`mtu ${mtu} on ${name}`);
      },
      addHostRoute: (name, host, router) => set(`${host}${router === undefined ? '' : ` via ${router}`} on ${name}`),
      ipv6SourceTowards: async () => undefined,
      sendIcmpv6: () => false,
      hearIcmpv6: () => ({ [Symbol.dispose]: () => {} }),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#portals.disposeAsync();
  }
}

export const bareInterface: NetworkInterface = {
  name: 'eth0',
  mac: '52:54:00:42:00:01' as MacAddress,
  up: true,
  ipv4: [],
  ipv6: [],
};

export interface LeaseAnswer {
  readonly server?: string;
  readonly address?: string;
  readonly rootPath?: string;
  readonly router?: string;
}

/** A well-behaved answer of a server to a DISCOVER or a REQUEST; nothing when the request is for another server. */
export function lease(
  message: DhcpMessage,
  { server = '192.0.2.1', address = '192.0.2.50', rootPath, router }: LeaseAnswer,
): DhcpMessage[] {
  const asked = message.options.find(Option.serverIdentifier);
  if (asked !== undefined && asked !== server) return [];
  const options = new OptionList();
  const type = messageType(message) === MessageType.discover ? MessageType.offer : MessageType.ack;
  options.set(Option.messageType, type).set(Option.serverIdentifier, ip(server));
  options.set(Option.leaseTime, 3600).set(Option.subnetMask, ip('255.255.255.0'));
  if (rootPath !== undefined) options.set(Option.rootPath, rootPath);
  if (router !== undefined) options.set(Option.routers, [ip(router)]);
  return [reply(message, address, options)];
}

export function reply(message: DhcpMessage, address: string, options: OptionList): DhcpMessage {
  const { xid, chaddr } = message;
  return dhcpMessage({ op: BootOperation.reply, xid, chaddr, yiaddr: ip(address), options });
}

/** A network without HTTP servers. */
export const noHttp: HttpClient = {
  get: ({ hostname }) => Promise.reject(new DisklessError('NETWORK_REFUSED', `nobody speaks HTTP at ${hostname}`)),
};
