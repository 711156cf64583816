/** Who asks: what tells one client from another. */

import type { MacAddress } from '../../bytes/index.ts';
import type { DhcpMessage } from '../message.ts';
import { Option } from '../option.ts';

/**
 * A name of a client, as text that compares: the Ethernet address; `id:` and the client identifier in hexadecimal digits (option 61);
 * `uuid:` and the machine's UUID (option 97).
 */
export type ClientKey = string;

export class ClientIdentity {
  /**
   * Under which its leases are kept: the first of its names.
   *
   * RFC 2131 §4.2 puts the client identifier first. Here it comes after the hardware address on purpose: firmware, boot loader and
   * operating system of one machine send three different identifiers, and a machine whose root disk is on the network must keep one
   * address through all three.
   */
  readonly key: ClientKey;
  readonly #message: DhcpMessage;
  readonly #hardwareAddress: MacAddress | undefined;
  #keys: readonly ClientKey[] | undefined;

  /** `hardwareAddress` is the message's. Undefined for a message with none of the three. */
  static of(message: DhcpMessage, hardwareAddress: MacAddress | undefined): ClientIdentity | undefined {
    const key = hardwareAddress ?? identifierOf(message) ?? uuidOf(message);
    return key === undefined ? undefined : new ClientIdentity(message, hardwareAddress, key);
  }

  private constructor(message: DhcpMessage, hardwareAddress: MacAddress | undefined, key: ClientKey) {
    this.#message = message;
    this.#hardwareAddress = hardwareAddress;
    this.key = key;
  }

  /** All of its names, the most telling first: an address may be reserved for any of them. */
  get keys(): readonly ClientKey[] {
    this.#keys ??= [this.#hardwareAddress, identifierOf(this.#message), uuidOf(this.#message)].filter(
      (key) => key !== undefined,
    );
    return this.#keys;
  }

  is(key: ClientKey): boolean {
    return key === this.key || this.keys.includes(key);
  }
}

function identifierOf({ options }: DhcpMessage): ClientKey | undefined {
  const identifier = options.raw(Option.clientIdentifier.code);
  return identifier === undefined || identifier.length === 0 ? undefined : `id:${hex(identifier)}`;
}

function uuidOf({ options }: DhcpMessage): ClientKey | undefined {
  const uuid = options.find(Option.machineIdentifier);
  return uuid === undefined ? undefined : `uuid:${uuid}`;
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
