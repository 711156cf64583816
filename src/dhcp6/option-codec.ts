/**
 * How the value of a DHCPv6 option is written: one codec per shape that RFC 8415 and its companions use. Decoding raises ProtocolError
 * with the code DHCP6_OPTION_INVALID or, for options inside, DHCP6_OPTIONS_TRUNCATED, and nothing else.
 */

import {
  type Field,
  type Ipv6Address,
  ipv6FromBytes,
  ipv6ToBytes,
  layout,
  numberCodecs,
  type OptionCodec,
  ProtocolError,
  readU16,
  readU32,
  u8,
  u16,
  u32,
  writeU16,
} from '../bytes/index.ts';
import { optionsLength, readOptions, writeOptions } from './option-area.ts';
import type { OptionList } from './option-list.ts';

export type { OptionCodec };

export function invalid(what: string): ProtocolError {
  return new ProtocolError('DHCP6_OPTION_INVALID', what);
}

const { expectLength, expectItems, ...numbers } = numberCodecs(invalid);
export const { u8Value, u16Value, u32Value, u16List } = numbers;

function expectAtLeast(bytes: Uint8Array, length: number): void {
  if (bytes.length < length) throw invalid(`${bytes.length} bytes where at least ${length} belong`);
}

/** An address as a field of a layout. */
export function ipv6Field(offset: number): Field<Ipv6Address> {
  return {
    offset,
    length: 16,
    read: (from, at) => ipv6FromBytes(from, at + offset),
    write: (into, at, value) => into.set(ipv6ToBytes(value), at + offset),
  };
}

export const opaque: OptionCodec<Uint8Array> = { decode: (bytes) => bytes, encode: (value) => value };

/** RFC 8415 §11.1: two bytes of type, then 1 to 128 more. */
export const duidValue: OptionCodec<Uint8Array> = {
  decode(bytes) {
    if (bytes.length < 3 || bytes.length > 130) throw invalid(`a DUID of ${bytes.length} bytes`);
    return bytes;
  },
  encode: (value) => value,
};

/** An option that says all by being there. */
export const present: OptionCodec<true> = {
  decode(bytes) {
    expectLength(bytes, 0);
    return true;
  },
  encode: () => new Uint8Array(0),
};

export const ipv6List: OptionCodec<readonly Ipv6Address[]> = {
  decode: (bytes) => Array.from({ length: expectItems(bytes, 16) }, (_, index) => ipv6FromBytes(bytes, index * 16)),
  encode(value) {
    const bytes = new Uint8Array(value.length * 16);
    for (const [index, address] of value.entries()) bytes.set(ipv6ToBytes(address), index * 16);
    return bytes;
  },
};

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const utf8Encoder = new TextEncoder();

function decodeText(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw invalid('the text is not UTF-8');
  }
}

/** Text without a NUL at its end (RFC 5970 §3.1); one that is there all the same is not part of it. */
export const text: OptionCodec<string> = {
  decode(bytes) {
    let length = bytes.length;
    while (length > 0 && bytes[length - 1] === 0) length--;
    return decodeText(bytes.subarray(0, length));
  },
  encode: (value) => utf8Encoder.encode(value),
};

/** Items with two bytes of length before each (RFC 8415 §21.15, RFC 5970 §3.2). */
export const sizedItems: OptionCodec<readonly Uint8Array[]> = {
  decode(bytes) {
    const items: Uint8Array[] = [];
    let at = 0;
    while (at < bytes.length) {
      const end = at + 2 <= bytes.length ? at + 2 + readU16(bytes, at) : Number.POSITIVE_INFINITY;
      if (end > bytes.length) throw invalid('an item is cut');
      items.push(bytes.subarray(at + 2, end));
      at = end;
    }
    if (items.length === 0) throw invalid('no item');
    return items;
  },
  encode(value) {
    const bytes = new Uint8Array(value.reduce((sum, item) => sum + 2 + item.length, 0));
    let at = 0;
    for (const item of value) {
      writeU16(bytes, at, item.length);
      bytes.set(item, at + 2);
      at += 2 + item.length;
    }
    return bytes;
  },
};

/** RFC 8415 §21.16: what kind of machine it is, in the words of its maker. */
export interface VendorClass {
  /** IANA's number of the maker. */
  readonly enterprise: number;
  readonly items: readonly Uint8Array[];
}

export const vendorClass: OptionCodec<VendorClass> = {
  decode(bytes) {
    expectAtLeast(bytes, 4);
    return { enterprise: readU32(bytes, 0), items: sizedItems.decode(bytes.subarray(4)) };
  },
  encode: ({ enterprise, items }) => joined(u32Value.encode(enterprise), sizedItems.encode(items)),
};

/** RFC 8415 §21.17: options of a maker's own. */
export interface VendorOptions {
  readonly enterprise: number;
  readonly options: OptionList;
}

export const vendorOptions: OptionCodec<VendorOptions> = {
  decode(bytes) {
    expectAtLeast(bytes, 4);
    return { enterprise: readU32(bytes, 0), options: readOptions(bytes, 4) };
  },
  encode: ({ enterprise, options }) => joined(u32Value.encode(enterprise), encodeOptions(options)),
};

/** RFC 8415 §21.13 */
export interface Status {
  /** StatusCode. */
  readonly code: number;
  readonly message: string;
}

export const status: OptionCodec<Status> = {
  decode(bytes) {
    expectAtLeast(bytes, 2);
    return { code: readU16(bytes, 0), message: decodeText(bytes.subarray(2)) };
  },
  encode: ({ code, message }) => joined(u16Value.encode(code), utf8Encoder.encode(message)),
};

const IaFields = layout('identity association', 12, { iaid: u32(0), t1: u32(4), t2: u32(8) });

/** RFC 8415 §21.4 (IA_NA), §21.21 (IA_PD). Times in seconds from now; 0 leaves them to the client, 0xffffffff is for ever. */
export interface IdentityAssociation {
  readonly iaid: number;
  readonly t1: number;
  readonly t2: number;
  readonly options: OptionList;
}

export const identityAssociation: OptionCodec<IdentityAssociation> = {
  decode(bytes) {
    expectAtLeast(bytes, IaFields.size);
    const { iaid, t1, t2 } = IaFields.view(bytes);
    return { iaid, t1, t2, options: readOptions(bytes, IaFields.size) };
  },
  encode: ({ iaid, t1, t2, options }) => joined(IaFields.encode({ iaid, t1, t2 }), encodeOptions(options)),
};

/** RFC 8415 §21.5: without times of its own. */
export const temporaryAssociation: OptionCodec<Pick<IdentityAssociation, 'iaid' | 'options'>> = {
  decode(bytes) {
    expectAtLeast(bytes, 4);
    return { iaid: readU32(bytes, 0), options: readOptions(bytes, 4) };
  },
  encode: ({ iaid, options }) => joined(u32Value.encode(iaid), encodeOptions(options)),
};

const IaAddressFields = layout('IA Address', 24, {
  address: ipv6Field(0),
  preferredLifetime: u32(16),
  validLifetime: u32(20),
});

/** RFC 8415 §21.6. Lifetimes in seconds from now; 0xffffffff is for ever. */
export interface IaAddress {
  readonly address: Ipv6Address;
  readonly preferredLifetime: number;
  readonly validLifetime: number;
  readonly options: OptionList;
}

export const iaAddress: OptionCodec<IaAddress> = {
  decode(bytes) {
    expectAtLeast(bytes, IaAddressFields.size);
    const { address, preferredLifetime, validLifetime } = IaAddressFields.view(bytes);
    return { address, preferredLifetime, validLifetime, options: readOptions(bytes, IaAddressFields.size) };
  },
  encode: ({ options, ...fields }) => joined(IaAddressFields.encode(fields), encodeOptions(options)),
};

const InterfaceIdentifier = layout('network interface identifier', 3, { type: u8(0), major: u8(1), minor: u8(2) });

/** RFC 5970 §3.4: the client's network device interface; type 1 is UNDI. */
export interface NetworkInterfaceIdentifier {
  readonly type: number;
  readonly major: number;
  readonly minor: number;
}

export const networkInterfaceIdentifier: OptionCodec<NetworkInterfaceIdentifier> = {
  decode(bytes) {
    expectLength(bytes, InterfaceIdentifier.size);
    const { type, major, minor } = InterfaceIdentifier.view(bytes);
    return { type, major, minor };
  },
  encode: (value) => InterfaceIdentifier.encode(value),
};

const LinkLayerFields = layout('client link-layer address', 2, { type: u16(0) });

/** RFC 6939 §4: what a relay agent saw. */
export interface LinkLayerAddress {
  /** IANA's hardware type; 1 is Ethernet. */
  readonly type: number;
  readonly address: Uint8Array;
}

export const linkLayerAddress: OptionCodec<LinkLayerAddress> = {
  decode(bytes) {
    expectAtLeast(bytes, LinkLayerFields.size + 1);
    return { type: LinkLayerFields.view(bytes).type, address: bytes.subarray(LinkLayerFields.size) };
  },
  encode: ({ type, address }) => joined(LinkLayerFields.encode({ type }), address),
};

function encodeOptions(options: OptionList): Uint8Array {
  const bytes = new Uint8Array(optionsLength(options));
  writeOptions(bytes, 0, options);
  return bytes;
}

function joined(head: Uint8Array, tail: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(head.length + tail.length);
  bytes.set(head);
  bytes.set(tail, head.length);
  return bytes;
}
