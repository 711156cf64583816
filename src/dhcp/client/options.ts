/** What a client says of itself, and how patient it is. */

import { type Ipv4Address, type MacAddress, macToBytes } from '../../bytes/index.ts';
import { BootOperation, broadcastFlag, type DhcpMessage, dhcpMessage } from '../message.ts';
import { Option } from '../option.ts';
import { OptionList } from '../option-list.ts';
import type { ClientAuthenticationOptions } from './authentication.ts';

/**
 * `lease`: an address and parameters by DHCP; a BOOTP server's answer is taken where no other comes (RFC 1534 §3). `bootp`: the same by
 * BOOTP, which older servers know alone (RFC 951). `inform`: parameters for an address that is there already (RFC 2131 §4.4.3).
 */
export type DhcpQuestion =
  | { readonly kind: 'lease' }
  | { readonly kind: 'bootp' }
  | { readonly kind: 'inform'; readonly address: Ipv4Address };

export interface DhcpClientOptions {
  readonly hardwareAddress: MacAddress;
  /** What is asked for. Default: a lease. */
  readonly question?: DhcpQuestion;
  /** Believe only servers that prove one of these keys (RFC 3118). It needs a client identifier; BOOTP knows no such thing. */
  readonly authentication?: ClientAuthenticationOptions;
  /** Option 61, type byte included; not sent unless given. */
  readonly clientIdentifier?: Uint8Array;
  /** Option 60. `PXEClient...` makes proxyDHCP servers answer. */
  readonly vendorClass?: string;
  /** Option 77, in RFC 3004 form. */
  readonly userClasses?: readonly string[];
  /** Option 93: see ClientArchitecture. */
  readonly architectures?: readonly number[];
  /** Option 97: the machine's UUID. */
  readonly machineIdentifier?: string;
  readonly hostName?: string;
  /** Option 55: codes, the most wanted first. */
  readonly parameterRequestList?: readonly number[];
  /** Further options, sent as they are in every message but DECLINE and RELEASE. */
  readonly options?: OptionList;
  /** Ask for replies by broadcast: a socket of an interface that has no address yet hears no others. Default true. */
  readonly broadcast?: boolean;
  /** An address of before, to be confirmed (INIT-REBOOT). */
  readonly previousAddress?: Ipv4Address;
  /** Milliseconds from `start` until the client gives up when it has no address. Default 30000. */
  readonly timeout?: number;
  /** Milliseconds for which better offers are awaited after the first. Default 2000. */
  readonly offerWindow?: number;
}

/** What a client that has an address SHOULD NOT ask (RFC 2131 §4.4.3). */
export const leaseTimes = [Option.renewalTime, Option.rebindingTime];

/** What a machine asks that wants to know its network and its boot disk. */
export const bootParameterRequestList: readonly number[] = [
  Option.subnetMask,
  Option.routers,
  Option.domainNameServers,
  Option.hostName,
  Option.domainName,
  Option.rootPath,
  Option.interfaceMtu,
  Option.broadcastAddress,
  ...leaseTimes,
  Option.vendorSpecific,
  Option.tftpServerName,
  Option.bootFileName,
  Option.domainSearch,
  Option.classlessRoutes,
  Option.slpDirectoryAgents,
  Option.slpServiceScope,
  Option.isns,
  Option.tftpServerAddresses,
  Option.ipxe,
  Option.initiatorName,
].map(({ code }) => code);

const largestMessage = 1500;

/** The fields that each message has its own values of. */
export type MessageFields = Pick<DhcpMessage, 'xid'> & Partial<Pick<DhcpMessage, 'secs' | 'ciaddr'>>;

/** RFC 951: who asks, and nothing else. What a BOOTP server does not know it need not be told. */
export function bootpRequest(options: DhcpClientOptions, fields: MessageFields): DhcpMessage {
  return dhcpMessage({ op: BootOperation.request, ...identity(options), ...fields });
}

function identity({ hardwareAddress, broadcast }: DhcpClientOptions): Pick<DhcpMessage, 'chaddr' | 'flags'> {
  const chaddr = new Uint8Array(16);
  chaddr.set(macToBytes(hardwareAddress));
  return { chaddr, flags: broadcast === false ? 0 : broadcastFlag };
}

/** A message from this client: its address and what it says of itself in every message. */
export function clientMessage(
  options: DhcpClientOptions,
  type: number,
  fields: MessageFields,
  specific: OptionList = new OptionList(),
): DhcpMessage {
  const list = new OptionList().set(Option.messageType, type);
  for (const [code, value] of specific) list.setRaw(code, value);
  if (options.clientIdentifier !== undefined) list.set(Option.clientIdentifier, options.clientIdentifier);
  return dhcpMessage({ op: BootOperation.request, ...identity(options), ...fields, options: list });
}

/** The same with all that it asks and tells: for DISCOVER, REQUEST and INFORM (RFC 2131 table 5 wants them alike). */
export function clientRequest(
  options: DhcpClientOptions,
  type: number,
  fields: MessageFields,
  specific: OptionList = new OptionList(),
): DhcpMessage {
  const message = clientMessage(options, type, fields, specific);
  const list = message.options;
  list.set(Option.maximumMessageSize, largestMessage);
  list.set(Option.parameterRequestList, options.parameterRequestList ?? bootParameterRequestList);
  if (options.vendorClass !== undefined) list.set(Option.vendorClass, options.vendorClass);
  if (options.hostName !== undefined) list.set(Option.hostName, options.hostName);
  if (options.architectures !== undefined) list.set(Option.clientArchitecture, options.architectures);
  if (options.machineIdentifier !== undefined) list.set(Option.machineIdentifier, options.machineIdentifier);
  if (options.userClasses !== undefined) {
    const encoder = new TextEncoder();
    list.set(
      Option.userClass,
      options.userClasses.map((name) => encoder.encode(name)),
    );
  }
  for (const [code, value] of options.options ?? []) list.setRaw(code, value);
  return message;
}
