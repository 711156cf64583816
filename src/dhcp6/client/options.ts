/** What a client says of itself, and how patient it is. */

import type { Ipv6Address } from '../../bytes/index.ts';
import { type Dhcp6Message, MessageType } from '../message.ts';
import { Option } from '../option.ts';
import type { NetworkInterfaceIdentifier, VendorClass } from '../option-codec.ts';
import { OptionList } from '../option-list.ts';
import type { Dhcp6Lease } from './lease.ts';

export interface Dhcp6ClientOptions {
  /** The client's DUID. */
  readonly duid: Uint8Array;
  /** `stateful` asks for an address, `stateless` for information alone. */
  readonly mode: 'stateful' | 'stateless';
  /** Tells apart the interfaces of the machine: 32 bits that stay the same. */
  readonly iaid: number;
  /** Option 6: codes, the most wanted first. */
  readonly requested?: readonly number[];
  /** Take a server that commits itself at once, without looking at others (RFC 8415 §5.1). Default false. */
  readonly rapidCommit?: boolean;
  /** Option 61. */
  readonly architectures?: readonly number[];
  readonly networkInterfaceIdentifier?: NetworkInterfaceIdentifier;
  readonly userClasses?: readonly string[];
  readonly vendorClass?: VendorClass;
  /** Further options, sent as they are in every message that asks for something. */
  readonly options?: OptionList;
  /** A lease of before, with times of the caller's clock, to be confirmed (RFC 8415 §18.2.3). */
  readonly previousLease?: Dhcp6Lease;
  /** Milliseconds from `start` until the client gives up when it has nothing. Default 30000. */
  readonly timeout?: number;
  /** The first message waits for up to so many milliseconds, so that not all ask at once after a power cut. Default 1000. */
  readonly longestDelay?: number;
}

/** What a machine asks that wants to know its network and its boot disk. */
export const bootOptionRequest: readonly number[] = [
  Option.domainNameServers,
  Option.domainSearch,
  Option.bootFileUrl,
  Option.bootFileParameters,
  Option.vendorOptions,
].map(({ code }) => code);

/** RFC 8415 §18.2.1, §18.2.6: options that are always asked for in messages of a kind. */
function alwaysRequested(type: number): readonly number[] {
  if (type === MessageType.informationRequest) return [Option.informationRefreshTime.code, Option.infMaxRt.code];
  return [Option.solMaxRt.code];
}

const asking: readonly number[] = [
  MessageType.solicit,
  MessageType.request,
  MessageType.renew,
  MessageType.rebind,
  MessageType.informationRequest,
];

/** Addresses in an IA as a client sends them: the lifetimes are the server's matter (RFC 8415 §18.2.4). */
export function associationWith(iaid: number, addresses: readonly Ipv6Address[]): Uint8Array {
  const options = new OptionList();
  for (const address of addresses) {
    options.append(Option.iaAddress, { address, preferredLifetime: 0, validLifetime: 0, options: new OptionList() });
  }
  return Option.iaNa.codec.encode({ iaid, t1: 0, t2: 0, options });
}

export interface MessageContent {
  readonly type: number;
  readonly transactionId: number;
  /** Hundredths of a second since the exchange began. */
  readonly elapsed: number;
  readonly serverIdentifier?: Uint8Array | undefined;
  /** Undefined: no IA in the message. */
  readonly addresses?: readonly Ipv6Address[] | undefined;
}

export function clientMessage(client: Dhcp6ClientOptions, content: MessageContent): Dhcp6Message {
  const { type, transactionId, serverIdentifier, addresses } = content;
  const list = new OptionList().set(Option.clientIdentifier, client.duid);
  if (serverIdentifier !== undefined) list.set(Option.serverIdentifier, serverIdentifier);
  list.set(Option.elapsedTime, Math.min(0xffff, Math.max(0, Math.floor(content.elapsed))));
  if (addresses !== undefined) list.appendRaw(Option.iaNa.code, associationWith(client.iaid, addresses));
  if (type === MessageType.solicit && client.rapidCommit === true) list.set(Option.rapidCommit, true);
  if (asking.includes(type)) addQuestions(client, type, list);
  return { type, transactionId, options: list };
}

function addQuestions(client: Dhcp6ClientOptions, type: number, list: OptionList): void {
  list.set(Option.optionRequest, [...(client.requested ?? bootOptionRequest), ...alwaysRequested(type)]);
  const { architectures, userClasses, vendorClass, networkInterfaceIdentifier } = client;
  if (userClasses !== undefined) {
    const encoder = new TextEncoder();
    list.set(
      Option.userClass,
      userClasses.map((name) => encoder.encode(name)),
    );
  }
  if (vendorClass !== undefined) list.set(Option.vendorClass, vendorClass);
  if (architectures !== undefined) list.set(Option.clientArchitecture, architectures);
  if (networkInterfaceIdentifier !== undefined) {
    list.set(Option.networkInterfaceIdentifier, networkInterfaceIdentifier);
  }
  for (const [code, value] of client.options ?? []) list.appendRaw(code, value);
}
