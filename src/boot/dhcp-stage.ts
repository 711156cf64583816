/** The DHCP stage (RFC 4173 §5): an address for the machine, and the Root Path that says where its disk is. */

import { DisklessError, type Ipv4Address, ipv4ToNumber } from '../bytes/index.ts';
import { DhcpClient } from '../dhcp/client/client.ts';
import { bootParameter, type DhcpLease } from '../dhcp/client/lease.ts';
import type { DhcpClientAction } from '../dhcp/client/state.ts';
import { DhcpPort } from '../dhcp/datagram.ts';
import type { DhcpMessage } from '../dhcp/message.ts';
import { Option } from '../dhcp/option.ts';
import { type IscsiName, parseIscsiName } from '../iscsi/name.ts';
import { formatRootPath, parseRootPath, type RootPath } from '../iscsi/root-path.ts';
import type { Clock, Timer } from '../os/clock.ts';
import type { Network, NetworkInterface } from '../os/network.ts';
import { softwareOfDhcp } from './software-source.ts';
import type { Facts, StageTrace } from './trace.ts';

export interface DhcpStageOptions {
  readonly network: Network;
  readonly clock: Clock;
  /** Gives [0, 1). */
  readonly random: () => number;
  readonly interface: NetworkInterface;
  /** Milliseconds until the stage gives up. */
  readonly timeout: number;
  readonly signal: AbortSignal;
}

export interface DhcpResult {
  readonly address: Ipv4Address;
  /** Length of the subnet's prefix, 0..32. */
  readonly prefix: number;
  readonly router: Ipv4Address | undefined;
  readonly server: Ipv4Address;
  /** Undefined when no server sent one for iSCSI. */
  readonly rootPath: RootPath | undefined;
  readonly initiatorName: IscsiName | undefined;
  /** The boot file that a client without an initiator would fetch. */
  readonly bootFile: URL | undefined;
  /** Seconds; undefined for a lease without end. */
  readonly leaseTime: number | undefined;
}

/** Raises DHCP_NO_OFFER, DHCP_NO_ACK, DHCP_REFUSED, ROOT_PATH_..., NETWORK_..., ABORTED. */
export async function runDhcpStage(options: DhcpStageOptions, trace: StageTrace): Promise<DhcpResult> {
  const lease = await obtainLease(options, trace);
  const { reply } = lease;
  const mask = reply.options.find(Option.subnetMask);
  const rootPath = rootPathOf(lease, trace);
  const initiatorName = bootParameter(lease, Option.initiatorName);
  return {
    address: lease.address,
    prefix: mask === undefined ? 32 : prefixOf(mask),
    router: reply.options.find(Option.routers)?.[0],
    server: lease.serverIdentifier,
    rootPath,
    initiatorName: initiatorName === undefined ? undefined : parseIscsiName(initiatorName),
    bootFile: bootFileOf(lease, trace),
    leaseTime: reply.options.find(Option.leaseTime),
  };
}

export function describeDhcpResult(result: DhcpResult): { text: string; facts: Facts } {
  const { address, prefix, router, server, rootPath, initiatorName, leaseTime } = result;
  const path = rootPath === undefined ? undefined : formatRootPath(rootPath);
  return {
    text: `${address}/${prefix} from ${server}; ${path ?? 'no iscsi: Root Path'}`,
    facts: { address, prefix, router, server, rootPath: path, initiatorName, leaseTime },
  };
}

/** Drives the client's state machine with a socket of the interface and the clock, until it has a lease or gives up. */
async function obtainLease(options: DhcpStageOptions, trace: StageTrace): Promise<DhcpLease> {
  const { network, clock, random, signal, timeout } = options;
  const { name, mac } = options.interface;
  await using socket = await network.openUdp({
    interface: name,
    port: DhcpPort.client,
    broadcast: true,
    reuseAddress: true,
  });
  const client = new DhcpClient({ hardwareAddress: mac, timeout }, random);
  let timer: Timer | undefined;
  const abort = Promise.withResolvers<never>();
  const giveUp = () => abort.reject(new DisklessError('ABORTED', `asking for an address on ${name} was given up`));
  signal.addEventListener('abort', giveUp, { once: true });
  try {
    if (signal.aborted) giveUp();
    const lease = new Promise<DhcpLease>((resolve, reject) => {
      const perform = (actions: readonly DhcpClientAction[]) => {
        for (const action of actions) {
          const text = narrate(action, name);
          if (text !== undefined) trace.step(text);
          if (action.type === 'send') socket.send(action.datagram.data, action.datagram.to);
          else if (action.type === 'bound') resolve(action.lease);
          else if (action.type === 'failed') reject(action.error);
        }
        timer?.cancel();
        const { deadline } = client;
        if (deadline === undefined) return;
        timer = clock.after(Math.max(0, deadline - clock.monotonic()), () => perform(client.poll(clock.monotonic())));
      };
      // A datagram that could not be sent is lost like any other: the state machine sends it again.
      socket.start({
        message: (data) => perform(client.receive(data, clock.monotonic())),
        error: (error) => trace.step(`sending failed: ${error.message}`),
      });
      perform(client.start(clock.monotonic()));
    });
    return await Promise.race([lease, abort.promise]);
  } finally {
    // The lease is kept: the machine's own system may be using the same one.
    timer?.cancel();
    client.stop();
    signal.removeEventListener('abort', giveUp);
  }
}

const messageNames = ['', 'DISCOVER', 'OFFER', 'REQUEST', 'DECLINE', 'ACK', 'NAK', 'RELEASE', 'INFORM'] as const;

function narrate(action: DhcpClientAction, interfaceName: string): string | undefined {
  switch (action.type) {
    case 'send':
      return `${messageNames[action.message.options.find(Option.messageType) ?? 0]} on ${interfaceName}`;
    case 'offer':
      return `offer of ${action.message.yiaddr} from ${serverOf(action.message)}${carried(action.message)}`;
    case 'bound':
      return `${action.lease.serverIdentifier} gives ${action.lease.address}: its offer ${action.lease.reason}`;
    case 'nak':
      return `${action.server} refuses: ${action.message}`;
    default:
      return undefined;
  }
}

function serverOf(message: DhcpMessage): Ipv4Address {
  return message.options.find(Option.serverIdentifier) ?? message.siaddr;
}

function carried(message: DhcpMessage): string {
  const rootPath = message.options.find(Option.rootPath);
  return rootPath === undefined ? ', without a Root Path' : `, Root Path ${JSON.stringify(rootPath)}`;
}

/** The first Root Path that is for iSCSI, as bytes: RFC 4173 makes it UTF-8, which other readers of option 17 do not check. */
function rootPathOf(lease: DhcpLease, trace: StageTrace): RootPath | undefined {
  for (const message of [lease.reply, lease.offer, lease.proxyOffer]) {
    const value = message?.options.raw(Option.rootPath.code);
    if (value === undefined) continue;
    const rootPath = parseRootPath(value);
    if (rootPath !== undefined) return rootPath;
    trace.step('the Root Path does not start with "iscsi:", so it is for other clients');
  }
  return undefined;
}

/** One that cannot be fetched is no reason to go without the rest. */
function bootFileOf(lease: DhcpLease, trace: StageTrace): URL | undefined {
  try {
    return softwareOfDhcp(lease);
  } catch (error) {
    if (!(error instanceof DisklessError)) throw error;
    trace.step(error.message);
    return undefined;
  }
}

function prefixOf(mask: Ipv4Address): number {
  return 32 - Math.log2(2 ** 32 - ipv4ToNumber(mask));
}
